import assert from "node:assert/strict";
import { fetchErrorText } from "./fetch_error.ts";

Deno.test("fetchErrorText() tells why a real fetch has failed, without its URL", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const failed = await fetch(`http://127.0.0.1:${port}/secret`).catch((error: unknown) => error);
  assert.match(fetchErrorText(failed), /connection refused/i);
  assert.doesNotMatch(fetchErrorText(failed), /secret/);
});

Deno.test("fetchErrorText() gives what is no failure of fetch as it is", () => {
  assert.equal(fetchErrorText(new TypeError("x is not a function")), "x is not a function");
  assert.equal(fetchErrorText(new DOMException("too late", "TimeoutError")), "too late");
});
