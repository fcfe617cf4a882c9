import assert from "node:assert/strict";
import { waitUntil } from "../../tests/support/wait.ts";
import { ElasticWorkers, mainThreadTimeMs } from "./elastic_workers.ts";

const INFO = { remoteAddr: { transport: "tcp", hostname: "10.0.0.1", port: 1 } } as const;

function infoOf(port: number): { remoteAddr: Deno.Addr } {
  return { remoteAddr: { ...INFO.remoteAddr, port } };
}

interface Watched {
  readonly elastic: ElasticWorkers<{ allServe(): Promise<void>; stop(): Promise<void> }>;
  readonly log: string[];
  serve(): void;
  /** Sets how much of the time the thread computes from now on. */
  busy(share: number): void;
}

/** An isolate whose thread computes as the test says. */
function watch(): Watched {
  const log: string[] = [];
  const serving = Promise.withResolvers<void>();
  let share = 0;
  const elastic = new ElasticWorkers({
    handler: () => new Response("x"),
    threadTimeMs: () => performance.now() * share,
    report: (line) => log.push(line),
    start: () => {
      log.push("start");
      return Promise.resolve({
        allServe: () => serving.promise,
        stop: () => Promise.resolve(void log.push("stop")),
      });
    },
  });
  return { elastic, log, serve: serving.resolve, busy: (value) => share = value };
}

async function connectionOf(answer: Response | Promise<Response>): Promise<string | null> {
  return (await answer).headers.get("connection");
}

function request({ elastic }: Watched, port: number): Promise<string | null> {
  return connectionOf(elastic.handler(new Request("http://x/"), infoOf(port)));
}

Deno.test("ElasticWorkers starts the others when the thread is busy, and moves connections once", async () => {
  const watched = watch();
  watched.busy(0.95);
  const load = setInterval(() => void request(watched, 1), 20);
  try {
    await waitUntil(() => watched.log.includes("start") || undefined, { what: "the start" });
    for (const port of [1, 2]) {
      assert.equal(await request(watched, port), null, "the others do not serve yet");
    }
  } finally {
    clearInterval(load);
  }
  watched.serve();
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(await request(watched, 1), "close");
  assert.equal(await request(watched, 1), null, "only once");
  assert.equal(await request(watched, 2), "close");
  assert.equal(await request(watched, 3), null, "a new connection stays");
  await watched.elastic.stop(0);
  assert.deepEqual(watched.log, ["start", "stop"]);
});

Deno.test("ElasticWorkers starts nothing while the thread has time, and watches nobody who idles", async () => {
  const watched = watch();
  watched.busy(0.5);
  const end = performance.now() + 900;
  while (performance.now() < end) {
    assert.equal(await request(watched, 1), null);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // The test fails for the timer if it still runs.
  await new Promise((resolve) => setTimeout(resolve, 600));
  assert.deepEqual(watched.log, []);
});

Deno.test({
  name: "mainThreadTimeMs() is what the main thread has computed",
  ignore: Deno.build.os !== "linux",
  fn() {
    const odd = `1 (a ) b) S ${Array.from({ length: 40 }, (_, index) => index + 1).join(" ")}`;
    // Fields 14 and 15 of the file.
    assert.equal(mainThreadTimeMs(() => odd, 1), (11 + 12) * 10);
    assert.ok(mainThreadTimeMs(Deno.readTextFileSync, Deno.pid) >= 0);
  },
});
