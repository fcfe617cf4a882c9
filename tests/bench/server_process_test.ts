import assert from "node:assert/strict";
import { freePort, ServerProcess } from "./server_process.ts";

function denoServer(port: number, code: string): string[] {
  const script = `const port = ${port};${code}`;
  return [Deno.execPath(), "eval", "--quiet", script];
}

const SERVE = "Deno.serve({hostname:'127.0.0.1',port,onListen(){}},()=>new Response('hi'));";

Deno.test("ServerProcess.start() waits for the first good answer", async () => {
  const port = freePort();
  const signal = new AbortController().signal;
  const options = { command: denoServer(port, SERVE), port, timeoutMs: 10_000 };
  let pid = 0;
  {
    await using server = await ServerProcess.start(options, signal);
    pid = server.pid;
    assert.equal(server.url, `http://127.0.0.1:${port}/`);
    assert.ok(server.startMs > 0);
    assert.equal(await (await fetch(server.url)).text(), "hi");
  }
  assert.throws(() => Deno.kill(pid, "SIGTERM"));
});

Deno.test("ServerProcess.start() says why when the server ends", async () => {
  const port = freePort();
  const command = denoServer(port, "console.error('no configuration'); Deno.exit(3)");
  await assert.rejects(
    ServerProcess.start({ command, port, timeoutMs: 10_000 }, new AbortController().signal),
    /ended with 3: no configuration$/,
  );
});

Deno.test("ServerProcess.start() ends a server that never answers", async () => {
  const port = freePort();
  const command = denoServer(port, "setInterval(() => {}, 1000)");
  await assert.rejects(
    ServerProcess.start({ command, port, timeoutMs: 300 }, new AbortController().signal),
    /gave no answer in 300 ms/,
  );
});
