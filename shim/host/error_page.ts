/**
 * What is answered in place of an app that does not work yet, on the developer's own machine.
 *
 * @module
 */

/** Seconds until a browser asks again. */
const REFRESH_SECONDS = 1;

/** A page that asks again by itself, so that it gives way to the app once that works. */
export function errorPage(problem: string): Response {
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>This app does not work yet</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 60rem; padding: 0 1rem }
pre { background: #f6f2ee; border-left: 4px solid #b3261e; overflow-x: auto; padding: 1rem;
  white-space: pre-wrap }
@media (prefers-color-scheme: dark) { body { background: #1b1b1b; color: #eee }
  pre { background: #2a2523 } }
</style>
<h1>This app does not work yet</h1>
<pre>${escapeHtml(problem)}</pre>
<p>This page gives way to the app as soon as it works.
`;
  return new Response(html, {
    status: 500,
    headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
  });
}

/** The same for programs. */
export function plainError(problem: string): Response {
  return new Response(`${problem}\n`, {
    status: 503,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "retry-after": String(REFRESH_SECONDS),
    },
  });
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Build output may be anything: colours go, markup is shown as it is. */
function escapeHtml(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/\x1b\[[0-9;]*[A-Za-z]/g, "")
    .replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!);
}
