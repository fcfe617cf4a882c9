import assert from "node:assert/strict";
import { runTcpLoad } from "./tcp_load.ts";

const OPTIONS = { connections: 4, seconds: 0.3, requestTimeoutSeconds: 10 };

function serve(handler: () => Response | Promise<Response>): {
  server: Deno.HttpServer<Deno.NetAddr>;
  url: URL;
} {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  return { server, url: new URL(`http://127.0.0.1:${server.addr.port}/path?q`) };
}

Deno.test("runTcpLoad() counts answers and their latencies", async () => {
  const { server, url } = serve(() => new Response("hello"));
  const result = await runTcpLoad(url, OPTIONS);
  await server.shutdown();
  assert.ok(result.requests > 4);
  assert.ok(result.p50Ms > 0 && result.p99Ms >= result.p50Ms);
  assert.deepEqual([result.badStatuses, result.socketErrors], [0, 0]);
});

Deno.test("runTcpLoad() counts statuses that are failures", async () => {
  const { server, url } = serve(() => new Response("no", { status: 503 }));
  const result = await runTcpLoad(url, OPTIONS);
  await server.shutdown();
  assert.ok(result.badStatuses > 0);
  assert.equal(result.badStatuses, result.requests);
});

Deno.test("runTcpLoad() counts refused connections", async () => {
  const { server, url } = serve(() => new Response("hello"));
  await server.shutdown();
  const result = await runTcpLoad(url, OPTIONS);
  assert.equal(result.requests, 0);
  assert.ok(result.socketErrors > 0);
});

Deno.test("runTcpLoad() counts a request without an answer once", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  const { server, url } = serve(() => promise.then((response) => response.clone()));
  const result = await runTcpLoad(url, {
    connections: 2,
    seconds: 0.7,
    requestTimeoutSeconds: 0.05,
  });
  resolve(new Response("late"));
  await server.shutdown();
  assert.deepEqual([result.requests, result.socketErrors], [0, 2]);
});
