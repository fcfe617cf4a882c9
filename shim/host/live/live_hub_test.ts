import assert from "node:assert/strict";
import { LiveHub } from "./live_hub.ts";
import type { ComponentNumbers, LiveReport, LiveSource } from "./live_report.ts";

const NUMBERS: ComponentNumbers = {
  id: "c",
  strategy: "copy",
  live: 2,
  idle: 1,
  created: 3,
  rewound: 10,
  dropped: 1,
  bytes: 100,
};

function report(options: Partial<LiveReport> = {}): LiveReport {
  return {
    requests: [],
    requestCount: 0,
    lines: [],
    inFlight: 1,
    heapBytes: 5,
    components: [NUMBERS],
    ...options,
  };
}

function request(path: string): LiveReport["requests"][number] {
  return { at: 1, method: "GET", path, component: "c", status: "200", durationMs: 1 };
}

Deno.test("collect() adds up what isolates tell", async () => {
  const hub = new LiveHub();
  hub.addSources(() => [first, second]);
  const first = { take: () => report({ requests: [request("/a")], requestCount: 3 }) };
  const second = { take: () => Promise.resolve(report({ requests: [request("/b")] })) };
  await hub.collect();
  const { isolates, requestCount, inFlight, memory, components } = hub.state();
  assert.deepEqual([isolates, requestCount, inFlight], [2, 3, 2]);
  assert.deepEqual([memory.heapBytes, memory.instanceBytes], [10, 200]);
  assert.deepEqual(components, [
    { ...NUMBERS, live: 4, idle: 2, created: 6, rewound: 20, dropped: 2, bytes: 200 },
  ]);
  assert.deepEqual(hub.requests.since(0).map(({ path }) => path), ["/a", "/b"]);
});

Deno.test("collect() brings what isolates tell into the order in which it was", async () => {
  const hub = new LiveHub();
  function told(...times: number[]): LiveReport {
    return report({
      requests: times.map((at) => ({ ...request(`/${at}`), at })),
      lines: times.map((at) => ({ at, component: "c", stream: "stdout", text: `${at}` })),
    });
  }
  const sources = [{ take: () => told(1, 4) }, { take: () => Promise.resolve(told(2, 3)) }];
  hub.addSources(() => sources);
  await hub.collect();
  assert.deepEqual(hub.requests.since(0).map(({ path }) => path), ["/1", "/2", "/3", "/4"]);
  assert.deepEqual(hub.lines.since(0).map(({ text }) => text), ["1", "2", "3", "4"]);
});

Deno.test("collect() waits for no isolate that computes, and takes what it tells later", async () => {
  const hub = new LiveHub();
  const late = Promise.withResolvers<LiveReport>();
  let asked = 0;
  const busy = {
    take() {
      asked++;
      return late.promise;
    },
  };
  const quick = { take: () => report() };
  hub.addSources(() => [busy, quick]);
  await hub.collect();
  await hub.collect();
  assert.equal(asked, 1);
  assert.equal(hub.state().isolates, 1);
  late.resolve(report({ requestCount: 7 }));
  await hub.collect();
  assert.equal(hub.state().requestCount, 7);
  assert.equal(hub.state().isolates, 2);
});

Deno.test("collect() forgets the numbers of isolates that have ended, not their requests", async () => {
  const hub = new LiveHub();
  const sources: LiveSource[] = [
    { take: () => report({ requestCount: 2, requests: [request("/a")] }) },
    { take: () => undefined as unknown as LiveReport },
  ];
  hub.addSources(() => sources);
  await hub.collect();
  sources.length = 0;
  await hub.collect();
  const { isolates, requestCount, components } = hub.state();
  assert.deepEqual([isolates, requestCount, components.length], [0, 2, 0]);
  assert.equal(hub.requests.end, 1);
});

Deno.test("the status tells what goes on, and what worked last", () => {
  const hub = new LiveHub();
  const app = { name: "a", version: "", triggers: [] };
  const seen: unknown[] = [];
  function look(): void {
    const { changedAt: _, ...status } = hub.state().status;
    seen.push(status);
  }
  hub.setProblem("broken");
  look();
  hub.setPhase("building");
  look();
  hub.setApp(app, { loadMs: 5 });
  look();
  hub.setProblem("again");
  look();
  hub.setApp(app, { loadMs: 7 });
  look();
  assert.deepEqual(seen, [
    { phase: "failed", isServing: false, reloads: 0, problem: "broken" },
    { phase: "building", isServing: false, reloads: 0 },
    { phase: "serving", isServing: true, reloads: 0 },
    { phase: "failed", isServing: true, reloads: 0, problem: "again" },
    { phase: "serving", isServing: true, reloads: 1, lastReloadMs: 7 },
  ]);
});

Deno.test("watch() asks the isolates only while somebody looks", async () => {
  const hub = new LiveHub();
  let asked = 0;
  const source = {
    take() {
      asked++;
      return report();
    },
  };
  hub.addSources(() => [source]);
  const { promise: seen, resolve } = Promise.withResolvers<void>();
  const stop = hub.watch(resolve);
  await seen;
  stop();
  const before = asked;
  await new Promise((resolve) => setTimeout(resolve, 450));
  assert.ok(before > 0);
  assert.equal(asked, before);
});
