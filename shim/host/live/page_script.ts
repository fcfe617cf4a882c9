/**
 * What the live page does in the browser.
 *
 * @module
 */

import { MAX_LINES, MAX_REQUESTS } from "./live_report.ts";

/**
 * JavaScript as it is sent. Everything from outside becomes a text node: the page's policy forbids the
 * browser to make markup of texts, and links go to where this program says that the app is.
 */
export const PAGE_SCRIPT = `
"use strict";
const byId = (id) => document.getElementById(id);
const filter = byId("filter");
const waiting = { requests: [], lines: [] };
let isPaused = false;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function bytesText(bytes) {
  if (bytes < 1024) return bytes + " B";
  const units = ["KiB", "MiB", "GiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < 2) { value /= 1024; unit++; }
  return value.toFixed(1) + " " + units[unit];
}

function durationText(ms) {
  if (ms < 1000) return ms.toFixed(ms < 10 ? 2 : 0) + " ms";
  const seconds = ms / 1000;
  return seconds < 60 ? seconds.toFixed(1) + " s"
    : Math.floor(seconds / 60) + " min " + Math.floor(seconds % 60) + " s";
}

function timeText(at) {
  const date = new Date(at);
  return date.toLocaleTimeString([], { hour12: false }) + "." +
    String(date.getMilliseconds()).padStart(3, "0");
}

function row(cells) {
  const made = element("tr");
  for (const [text, className] of cells) made.append(element("td", text, className));
  return made;
}

function requestRow(request) {
  const isBad = request.status === "error" || Number(request.status) >= 500;
  return row([
    [timeText(request.at), "time"], [request.method], [request.path], [request.component],
    [request.status, isBad ? "number bad" : "number"],
    [durationText(request.durationMs), "number"],
    [request.bytes === undefined ? "" : bytesText(request.bytes), "number"],
    [request.instance || ""],
  ]);
}

function lineItem(line) {
  const made = element("li");
  made.append(
    element("span", timeText(line.at)),
    element("span", line.component || "spinkube"),
    element("span", line.stream, line.stream),
    line.text,
  );
  return made;
}

function applyFilter(items) {
  const wanted = filter.value.toLowerCase();
  for (const item of items) {
    item.hidden = wanted !== "" && !item.textContent.toLowerCase().includes(wanted);
  }
}

function showRequests(requests) {
  const body = byId("request-rows");
  const rows = requests.map(requestRow).reverse();
  applyFilter(rows);
  body.prepend(...rows);
  while (body.children.length > ${MAX_REQUESTS}) body.lastElementChild.remove();
}

function showLines(lines) {
  const list = byId("lines");
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 20;
  const items = lines.map(lineItem);
  applyFilter(items);
  list.append(...items);
  while (list.children.length > ${MAX_LINES}) list.firstElementChild.remove();
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

function showMore({ requests, lines }) {
  if (!isPaused) {
    if (requests.length > 0) showRequests(requests);
    if (lines.length > 0) showLines(lines);
    return;
  }
  waiting.requests = [...waiting.requests, ...requests].slice(-${MAX_REQUESTS});
  waiting.lines = [...waiting.lines, ...lines].slice(-${MAX_LINES});
}

function statusText({ phase, isServing, lastReloadMs }) {
  const goesOn = isServing ? " – the app that worked last goes on" : "";
  if (phase === "failed") return "Failed" + goesOn;
  if (phase === "building") return "Building…" + goesOn;
  if (phase === "loading") return "Loading…" + goesOn;
  return lastReloadMs === undefined ? "Serving" : "Serving, reloaded in " + durationText(lastReloadMs);
}

function setText(id, text) {
  const found = byId(id);
  // Screen readers are told of changes only.
  if (found.textContent !== text) found.textContent = text;
}

let shownApp = "";
function showApp(app) {
  const key = JSON.stringify(app);
  if (!app || key === shownApp) return;
  shownApp = key;
  document.title = app.name + " – spinkube";
  setText("app-name", app.name);
  setText("app-version", app.version);
  byId("triggers").replaceChildren(...app.triggers.map((trigger) => {
    const made = row([[trigger.type], [trigger.component], [trigger.url ? "" : trigger.detail]]);
    if (trigger.url) {
      const link = element("a", trigger.detail || "/");
      link.href = trigger.url;
      link.rel = "noopener";
      made.lastElementChild.append(link);
    }
    return made;
  }));
}

function showState(state) {
  const { status, memory } = state;
  showApp(state.app);
  byId("status").dataset.phase = status.phase;
  setText("status", statusText(status));
  byId("problem-section").hidden = status.problem === undefined;
  setText("problem", status.problem || "");
  setText("resident", bytesText(memory.residentBytes));
  setText("heap", bytesText(memory.heapBytes));
  setText("instance-memory", bytesText(memory.instanceBytes));
  setText("request-count", String(state.requestCount));
  setText("in-flight", String(state.inFlight));
  setText("isolates", String(state.isolates));
  setText("reloads", String(status.reloads));
  setText("uptime", durationText(state.uptimeMs));
  byId("components").replaceChildren(...state.components.map((one) =>
    row([
      [one.id], [one.strategy],
      ...[one.live, one.idle, one.created, one.rewound, one.dropped].map((n) => [String(n), "number"]),
      [bytesText(one.bytes), "number"],
    ])
  ));
}

function setPaused(paused) {
  isPaused = paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = paused ? "Resume" : "Pause";
  if (!paused) showMore({ requests: waiting.requests.splice(0), lines: waiting.lines.splice(0) });
}

byId("pause").addEventListener("click", () => setPaused(!isPaused));
byId("controls").addEventListener("submit", (event) => event.preventDefault());
filter.addEventListener("input", () => {
  applyFilter(byId("request-rows").children);
  applyFilter(byId("lines").children);
});

const source = new EventSource("/events");
source.addEventListener("snapshot", ({ data }) => {
  // A new connection tells everything again.
  byId("request-rows").replaceChildren();
  byId("lines").replaceChildren();
  waiting.requests = [];
  waiting.lines = [];
  const event = JSON.parse(data);
  showState(event.state);
  showMore(event);
});
source.addEventListener("update", ({ data }) => {
  const event = JSON.parse(data);
  showState(event.state);
  showMore(event);
});
source.addEventListener("error", () => {
  byId("status").dataset.phase = "connecting";
  setText("status", "Not running; waiting for it…");
});
`;
