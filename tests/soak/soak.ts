/**
 * Steady load on one guest, with an eye on memory and failed requests.
 *
 * @module
 */

import type { Guest } from "../bench/guest.ts";
import type { LoadGenerator } from "../bench/load.ts";
import { readMemory } from "../bench/process_memory.ts";
import { freePort, ServerProcess } from "../bench/server_process.ts";
import { programCommand } from "../bench/subject.ts";

/** Options of {@link soak}. */
export interface SoakRun {
  readonly program: string;
  readonly storeDir: string;
  readonly workers: number;
  readonly durationMs: number;
  readonly load: LoadGenerator;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What was seen. */
export interface SoakResult {
  /** Resident bytes, once a second. */
  readonly samples: readonly number[];
  readonly requests: number;
  readonly failedRequests: number;
}

const START_TIMEOUT_MS = 120_000;
const SAMPLE_MS = 1_000;
/** Most seconds under load on one path. */
const MAX_SEGMENT_SECONDS = 5;
/** How often each path comes, at least: twice in every quarter, so that quarters can be compared. */
const CYCLES = 8;
const CONNECTIONS = 32;

/** Bodies small and large, with and without request headers read: each has buffers of its own. */
const PATHS: Readonly<Record<Guest["id"], readonly string[]>> = {
  c: ["", "headers", "bytes?n=200000", "request", "random"],
  js: [""],
};

/**
 * Serves the guest and loads it, one path after the other, until the time is over. The server is
 * ended before this returns.
 * @throws {Error} if the server does not start, or the system does not tell its memory.
 */
export async function soak(guest: Guest, run: SoakRun): Promise<SoakResult> {
  const port = freePort();
  const command = [
    ...programCommand(run.program),
    ...["up", "--from", guest.appDir, "--listen", `127.0.0.1:${port}`, "--quiet"],
    ...["--cache-dir", run.storeDir, "--workers", String(run.workers)],
    ...["--max-instance-memory", String(guest.maxInstanceMemory)],
  ];
  const options = { command, port, timeoutMs: START_TIMEOUT_MS };
  await using server = await ServerProcess.start(options, run.signal);
  if (!readMemory(server.pid)) throw new Error("The soak needs /proc, as Linux has it");
  const samples: number[] = [];
  const sampler = setInterval(() => {
    const memory = readMemory(server.pid);
    if (memory) samples.push(memory.residentBytes);
  }, SAMPLE_MS);
  try {
    return {
      samples,
      ...await loadUntil(performance.now() + run.durationMs, { guest, server, run }),
    };
  } finally {
    clearInterval(sampler);
  }
}

async function loadUntil(
  endMs: number,
  { guest, server, run }: { guest: Guest; server: ServerProcess; run: SoakRun },
): Promise<{ requests: number; failedRequests: number }> {
  const paths = PATHS[guest.id];
  const seconds = segmentSeconds(run.durationMs, paths.length);
  let requests = 0;
  let failedRequests = 0;
  for (let segment = 0; performance.now() < endMs; segment++) {
    const path = paths[segment % paths.length]!;
    const result = await run.load.run({
      url: server.url + path,
      connections: CONNECTIONS,
      seconds,
      signal: run.signal,
    });
    requests += result.requests;
    failedRequests += result.badStatuses + result.socketErrors;
    if (result.requests === 0) failedRequests++;
    const megabytes = Math.round((readMemory(server.pid)?.residentBytes ?? 0) / 1e6);
    run.report(
      `${guest.id} /${path}: ${Math.round(result.requestsPerSecond)} req/s, ${megabytes} MB, ` +
        `${failedRequests} failed`,
    );
  }
  return { requests, failedRequests };
}

/** Whole seconds, because `wrk` takes no others. */
function segmentSeconds(durationMs: number, paths: number): number {
  const seconds = Math.floor(durationMs / 1_000 / (paths * CYCLES));
  return Math.max(1, Math.min(seconds, MAX_SEGMENT_SECONDS));
}
