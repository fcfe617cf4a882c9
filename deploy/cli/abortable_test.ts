import assert from "node:assert/strict";
import { abortable } from "./abortable.ts";

Deno.test("abortable() gives what the work gives, and fails as it fails", async () => {
  const { signal } = new AbortController();
  assert.equal(await abortable(Promise.resolve(1), signal), 1);
  await assert.rejects(abortable(Promise.reject(new Error("no")), signal), { message: "no" });
});

Deno.test("abortable() does not wait once the signal has fired", async () => {
  const stop = new AbortController();
  const never = new Promise<void>(() => {});
  const waiting = abortable(never, stop.signal);
  stop.abort(new Error("stopped"));
  await assert.rejects(waiting, { message: "stopped" });
  await assert.rejects(abortable(never, stop.signal), { message: "stopped" });
});
