import assert from "node:assert/strict";
import { errorPage, plainError } from "./error_page.ts";

Deno.test("errorPage() shows markup and colours as text", async () => {
  const response = errorPage("\x1b[31merror\x1b[0m: expected `<T>` & more");
  assert.equal(response.status, 500);
  assert.match(response.headers.get("content-type")!, /^text\/html/);
  const html = await response.text();
  assert.match(html, /<pre>error: expected `&lt;T&gt;` &amp; more<\/pre>/);
  assert.match(html, /http-equiv="refresh"/);
});

Deno.test("plainError() tells programs to come again", async () => {
  const response = plainError("no <app>");
  assert.equal(response.status, 503);
  assert.equal(response.headers.get("retry-after"), "1");
  assert.equal(await response.text(), "no <app>\n");
});
