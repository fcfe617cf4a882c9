/**
 * The live page: one document that brings everything with it. What it shows comes as events, and is
 * put into it by its script as text, never as markup.
 *
 * @module
 */

import { PAGE_SCRIPT } from "./page_script.ts";
import { PAGE_STYLE } from "./page_style.ts";

/** @param nonce Marks script and style as ours; a new one for each response. */
export function livePage(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>spinkube</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${PAGE_STYLE}</style>
</head>
<body>
<a class="skip" href="#requests">Skip to requests</a>
<header>
  <h1><span id="app-name">…</span> <small id="app-version"></small></h1>
  <p id="status" role="status" data-phase="connecting">Connecting…</p>
</header>
<main>
<noscript><p>This page needs its script; the same numbers are at <a href="/state">/state</a>.</p></noscript>
<section id="problem-section" aria-labelledby="problem-title" hidden>
  <h2 id="problem-title">The last change does not work</h2>
  <pre id="problem" role="alert" tabindex="0"></pre>
</section>
<section aria-labelledby="triggers-title">
  <h2 id="triggers-title">Triggers</h2>
  ${table("triggers", ["Type", "Component", "Route or source"])}
</section>
<section aria-labelledby="numbers-title">
  <h2 id="numbers-title">Instances and memory</h2>
  <dl id="numbers">
    <div><dt>Resident memory</dt><dd id="resident">–</dd></div>
    <div><dt>JavaScript heaps</dt><dd id="heap">–</dd></div>
    <div><dt>Instances’ memory</dt><dd id="instance-memory">–</dd></div>
    <div><dt>Requests</dt><dd id="request-count">–</dd></div>
    <div><dt>In progress</dt><dd id="in-flight">–</dd></div>
    <div><dt>Isolates</dt><dd id="isolates">–</dd></div>
    <div><dt>Reloads</dt><dd id="reloads">–</dd></div>
    <div><dt>Running for</dt><dd id="uptime">–</dd></div>
  </dl>
  ${
    table("components", [
      "Component",
      "Made fresh by",
      ...["Live", "Idle", "Created", "Rewound", "Dropped", "Memory"].map((name) => `#${name}`),
    ])
  }
</section>
<form id="controls" role="search">
  <label>Filter requests and logs <input id="filter" type="search" autocomplete="off"></label>
  <button id="pause" type="button" aria-pressed="false">Pause</button>
</form>
<section id="requests" aria-labelledby="requests-title">
  <h2 id="requests-title">Requests</h2>
  <div class="scroll" tabindex="0" role="region" aria-labelledby="requests-title">
  ${
    table("request-rows", [
      ...["Time", "Method", "Path", "Component", "#Status", "#Duration", "#Bytes", "Instance"],
    ])
  }
  </div>
</section>
<section aria-labelledby="logs-title">
  <h2 id="logs-title">Logs</h2>
  <ol id="lines" class="scroll" tabindex="0" role="log" aria-live="off" aria-labelledby="logs-title">
  </ol>
</section>
</main>
<script nonce="${nonce}">${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

/** @param columns With `#` before those that hold numbers. */
function table(id: string, columns: readonly string[]): string {
  const cells = columns.map((name) =>
    name.startsWith("#")
      ? `<th scope="col" class="number">${name.slice(1)}</th>`
      : `<th scope="col">${name}</th>`
  );
  return `<table><thead><tr>${cells.join("")}</tr></thead><tbody id="${id}"></tbody></table>`;
}
