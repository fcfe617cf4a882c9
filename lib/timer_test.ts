import assert from "node:assert/strict";
import { callAtIntervals, callLater, sleep } from "./timer.ts";

Deno.test("callLater() calls once after its time, unless it is cancelled", async () => {
  const calls: string[] = [];
  const start = performance.now();
  callLater(() => calls.push("late"), 30);
  callLater(() => calls.push("early"), 0.5);
  const cancel = callLater(() => calls.push("cancelled"), 5);
  cancel();
  cancel();
  await sleep(60);
  assert.deepEqual(calls, ["early", "late"]);
  assert.ok(performance.now() - start >= 59);
});

Deno.test("callAtIntervals() goes on until it is ended, also by its own call", async () => {
  let calls = 0;
  const end = callAtIntervals(() => {
    calls++;
    if (calls === 3) end();
  }, 2);
  const deadline = performance.now() + 5_000;
  while (calls < 3 && performance.now() < deadline) await sleep(2);
  await sleep(20);
  assert.equal(calls, 3);
});

Deno.test("callAtIntervals() goes on behind a call that fails, whose error is not lost", async () => {
  const messages: string[] = [];
  function take(event: ErrorEvent): void {
    event.preventDefault();
    messages.push(event.error.message);
  }
  globalThis.addEventListener("error", take);
  let calls = 0;
  const end = callAtIntervals(() => {
    if (calls++ === 0) throw new Error("of the first");
  }, 2);
  const deadline = performance.now() + 5_000;
  while (calls < 2 && performance.now() < deadline) await sleep(2);
  end();
  globalThis.removeEventListener("error", take);
  assert.deepEqual(messages, ["of the first"]);
});

Deno.test("callLater() keeps a process up, and one that is cancelled does not", async () => {
  const module = import.meta.resolve("./timer.ts");
  async function run(statements: string): Promise<{ stdout: string; tookMs: number }> {
    const start = performance.now();
    const text = `import { callLater } from ${JSON.stringify(module)}; ${statements}`;
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", text] }).output();
    return { stdout: new TextDecoder().decode(stdout), tookMs: performance.now() - start };
  }
  assert.equal((await run('callLater(() => console.log("called"), 300);')).stdout, "called\n");
  assert.ok((await run("callLater(() => {}, 60_000)();")).tookMs < 30_000);
});
