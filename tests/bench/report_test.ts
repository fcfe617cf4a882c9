import assert from "node:assert/strict";
import type { Guest } from "./guest.ts";
import type { LoadResult } from "./load.ts";
import type { SubjectResult } from "./measure.ts";
import { formatResults } from "./report.ts";

const GUEST: Guest = {
  id: "c",
  title: "C, 99 kB",
  appDir: "/app",
  wasm: "/app/c.wasm",
  body: "hello\n",
  connections: [32],
  maxInstanceMemory: 1 << 27,
};

function rounds(...rates: number[]): LoadResult[] {
  return rates.map((requestsPerSecond) => ({
    requests: requestsPerSecond,
    requestsPerSecond,
    p50Ms: 1,
    p99Ms: 2,
    badStatuses: 0,
    socketErrors: 0,
  }));
}

function result(name: string, options: Partial<SubjectResult> & { reference?: string }) {
  const { reference, ...rest } = options;
  const subject = {
    name,
    isOurs: true,
    command: () => [],
    ...(reference === undefined ? {} : { reference }),
  };
  const empty: SubjectResult = {
    subject,
    oneCore: new Map([[32, []]]),
    twoCores: [],
    startsMs: [],
    memory: undefined,
    failedRequests: 0,
    problem: undefined,
  };
  return { ...empty, ...rest };
}

Deno.test("formatResults() shows ratios to every reference and what was not measured", () => {
  const text = formatResults(GUEST, [
    result("bare Hono", {
      reference: "Hono",
      oneCore: new Map([[32, rounds(1000, 500, 1000)]]),
      startsMs: [20, 30, 25],
      memory: {
        peakBytes: 50e6,
        idle: { residentBytes: 40e6, peakBytes: 50e6, privateBytes: 20e6 },
      },
    }),
    result("spinkube", { oneCore: new Map([[32, rounds(400, 200, 400)]]) }),
    result("wasmtime serve", { reference: "wasmtime", problem: "it ended with 1" }),
  ]);
  assert.equal(
    text,
    `### C, 99 kB: one core, 32 connections

|                | req/s | spread | vs Hono | vs wasmtime | p50 ms | p99 ms | failed |
| -------------- | ----: | -----: | ------: | ----------: | -----: | -----: | -----: |
| bare Hono      | 1,000 |   50 % |      1× |           – |      1 |      2 |      0 |
| spinkube       |   400 |   50 % |    0.4× |           – |      1 |      2 |      0 |
| wasmtime serve |     – |      – |       – |           – |      – |      – |      0 |

### C, 99 kB: memory and start

|                | peak RSS MB | idle RSS MB | idle private MB | start ms | fastest ms |
| -------------- | ----------: | ----------: | --------------: | -------: | ---------: |
| bare Hono      |          50 |          40 |              20 |       25 |         20 |
| spinkube       |           – |           – |               – |        – |          – |
| wasmtime serve |           – |           – |               – |        – |          – |

wasmtime serve: not measured, or in part: it ended with 1`,
  );
});
