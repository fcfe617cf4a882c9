import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { findPort, HttpListener, type ListenerEdge, type ListenOptions } from "./http_listener.ts";

const LOOPBACK = "127.0.0.1";

function listenOn(port: number): ListenOptions {
  return { hostname: LOOPBACK, port, isShared: false };
}

function freePort(): number {
  return findPort({ hostname: LOOPBACK, port: 0, findFreePort: false });
}

async function until(isTrue: () => boolean, message: string): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!isTrue()) {
    assert.ok(performance.now() < deadline, message);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("findPort() takes the port if it is free", () => {
  const port = freePort();
  assert.ok(port > 0);
  assert.equal(findPort({ hostname: LOOPBACK, port, findFreePort: false }), port);
});

Deno.test("findPort() refuses a port that is taken, or looks further", () => {
  using taken = Deno.listen({ hostname: LOOPBACK, port: 0 });
  const { port } = taken.addr;
  assert.throws(
    () => findPort({ hostname: LOOPBACK, port, findFreePort: false }),
    (error: unknown) => {
      assert.ok(error instanceof TerminalError);
      assert.equal(error.reason, "AddressInUse");
      assert.equal(
        error.message,
        `127.0.0.1:${port} is already in use. To have Spin search for a free port, use the ` +
          "--find-free-port option.",
      );
      return true;
    },
  );
  if (port > 65_000) return;
  const found = findPort({ hostname: LOOPBACK, port, findFreePort: true });
  assert.ok(found > port && found <= port + 9);
});

Deno.test("findPort() says why it cannot listen at all", () => {
  assert.throws(
    () => findPort({ hostname: "192.0.2.1", port: 80, findFreePort: true }),
    (error: unknown) => {
      assert.ok(error instanceof TerminalError);
      assert.equal(error.reason, "CannotListen");
      assert.match(error.message, /^Cannot listen on 192\.0\.2\.1:80: /);
      return true;
    },
  );
});

Deno.test("HttpListener.stop() lets requests in flight end, and takes no new ones", async () => {
  const port = freePort();
  const gate = Promise.withResolvers<void>();
  let isStarted = false;
  const listener = new HttpListener(listenOn(port), {
    handler: async () => {
      isStarted = true;
      await gate.promise;
      return new Response("done");
    },
    report: () => assert.fail("nothing to report"),
  });
  const response = fetch(`http://${LOOPBACK}:${port}/`);
  await until(() => isStarted, "the request arrives");
  const stopped = listener.stop(5_000);
  await until(() => {
    try {
      Deno.listen({ hostname: LOOPBACK, port }).close();
      return true;
    } catch {
      return false;
    }
  }, "the port is given up at once");
  gate.resolve();
  assert.equal(await (await response).text(), "done");
  await stopped;
  await listener.finished;
});

Deno.test("HttpListener.stop() waits for a stream, at most for the grace period", async () => {
  const port = freePort();
  const end = Promise.withResolvers<void>();
  const listener = new HttpListener(listenOn(port), {
    handler: () =>
      new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(new Uint8Array([120]));
            await end.promise;
            controller.close();
          },
        }),
      ),
    report: () => assert.fail("nothing to report"),
  });
  const response = await fetch(`http://${LOOPBACK}:${port}/`);
  const before = performance.now();
  await listener.stop(50);
  const waited = performance.now() - before;
  assert.ok(waited > 40 && waited < 2_000, `${waited} ms`);
  end.resolve();
  assert.equal(await response.text(), "x");
  await listener.finished;
});

/** `Deno.serve` whose server can be made to fail, as it does without file descriptors. */
function failingServe() {
  const servers: PromiseWithResolvers<void>[] = [];
  let failures = 0;
  const serve: NonNullable<ListenerEdge["serve"]> = () => {
    if (failures-- > 0) throw new Error("too many open files");
    const finished = Promise.withResolvers<void>();
    servers.push(finished);
    return {
      finished: finished.promise,
      shutdown() {
        finished.resolve();
        return finished.promise;
      },
    } as Deno.HttpServer;
  };
  return { serve, servers, failNext: (count: number) => failures = count };
}

Deno.test("HttpListener listens again when the server gives up", async () => {
  const { serve, servers, failNext } = failingServe();
  const lines: string[] = [];
  const listener = new HttpListener(listenOn(1), {
    handler: () => new Response(),
    report: (line) => lines.push(line),
    serve,
  });
  failNext(2);
  servers[0]!.reject(new Error("too many open files"));
  await until(() => servers.length === 2, "it listens again");
  assert.deepEqual(lines, [
    "Cannot accept connections: too many open files. Trying again.",
    "Accepting connections again.",
  ]);
  await listener.stop(1_000);
  await listener.finished;
});

Deno.test("HttpListener.stop() ends also between two servers", async () => {
  const { serve, servers, failNext } = failingServe();
  const lines: string[] = [];
  const listener = new HttpListener(listenOn(1), {
    handler: () => new Response(),
    report: (line) => lines.push(line),
    serve,
  });
  failNext(1_000);
  servers[0]!.reject(new Error("too many open files"));
  await until(() => lines.length === 1, "it tells of the failure");
  await listener.stop(5_000);
  await listener.finished;
  assert.equal(servers.length, 1);
  assert.equal(lines.length, 1);
});

Deno.test("HttpListener reports a response that breaks off, but not one that a guest left", async () => {
  const port = freePort();
  const lines: string[] = [];
  const errors: Record<string, Error> = {
    "/guest": Object.assign(new Error("unfinished"), { name: "IncompleteBody" }),
    "/other": new Error("disk on fire"),
  };
  const listener = new HttpListener(listenOn(port), {
    handler: (request) => {
      throw errors[new URL(request.url).pathname];
    },
    report: (line) => lines.push(line),
  });
  for (const path of Object.keys(errors)) {
    const response = await fetch(`http://${LOOPBACK}:${port}${path}`);
    assert.deepEqual([response.status, await response.text()], [500, ""]);
  }
  assert.deepEqual(lines, ["Response broken off: disk on fire"]);
  await listener.stop(1_000);
});

Deno.test("HttpListener.stop() serves whoever still comes before it stops accepting", async () => {
  const port = freePort();
  const listener = new HttpListener({ ...listenOn(port), lingerMs: 10_000 }, {
    handler: () => new Response("here"),
    report: () => assert.fail("nothing to report"),
  });
  const url = `http://${LOOPBACK}:${port}/`;
  async function get(): Promise<string | null> {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.headers.get("connection");
  }
  assert.equal(await get(), null);
  const start = performance.now();
  const stopped = listener.stop(20_000);
  let last = 0;
  while (performance.now() - start < 1_500) {
    last = performance.now();
    assert.equal(await get(), "close");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await stopped;
  assert.ok(performance.now() - last >= 950, "a second after the last one");
  await assert.rejects(fetch(url), TypeError);
});

Deno.test("HttpListener.stop() does not serve new requests for longer than it may", async () => {
  for (const [lingerMs, graceMs] of [[200, 10_000], [10_000, 200]] as const) {
    const port = freePort();
    const listener = new HttpListener({ ...listenOn(port), lingerMs }, {
      handler: () => new Response("here"),
      report: () => assert.fail("nothing to report"),
    });
    const start = performance.now();
    await listener.stop(graceMs);
    const took = performance.now() - start;
    assert.ok(took >= 190 && took < 900, `${took} ms`);
    await assert.rejects(fetch(`http://${LOOPBACK}:${port}/`), TypeError);
  }
});
