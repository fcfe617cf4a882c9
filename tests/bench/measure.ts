/**
 * Measures all subjects with one guest, in interleaved rounds: what disturbs the machine for a while
 * then disturbs all of them, not one.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import type { Guest } from "./guest.ts";
import type { LoadGenerator, LoadResult } from "./load.ts";
import { type MemoryUse, readMemory, resetPeak } from "./process_memory.ts";
import { freePort, ServerProcess } from "./server_process.ts";
import type { Subject } from "./subject.ts";

/** How much is measured. */
export interface Plan {
  readonly rounds: number;
  /** Rounds with two isolates. */
  readonly twoCoreRounds: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Milliseconds without load before memory counts as idle. */
  readonly idleMs: number;
  readonly starts: number;
}

/** How servers and load are kept apart. */
export interface Placement {
  /** Put before a server's command. */
  readonly serverPrefix: readonly string[];
  readonly load: LoadGenerator;
}

/** What was measured of one subject. */
export interface SubjectResult {
  readonly subject: Subject;
  /** By number of connections, one result for each round. */
  readonly oneCore: ReadonlyMap<number, LoadResult[]>;
  readonly twoCores: LoadResult[];
  /** Milliseconds from spawn to the first good answer. */
  readonly startsMs: number[];
  /** Of the server with one isolate. */
  memory: { readonly peakBytes: number; readonly idle: MemoryUse } | undefined;
  /** Requests that failed, in all rounds and while warming up. */
  failedRequests: number;
  /** Why (a part of) it was not measured. */
  problem: string | undefined;
}

/** Options of {@link measure}. */
export interface MeasureOptions {
  readonly plan: Plan;
  readonly oneCore: Placement;
  readonly twoCores: Placement;
  /** Told what is going on. */
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Milliseconds a server may take to start; the first one prepares the guest. */
const START_TIMEOUT_MS = 120_000;
/** Milliseconds between two subjects, for one to settle before the next one is measured. */
const SETTLE_MS = 300;

/**
 * Measures `subjects`. A subject that cannot be started is left out and says why; servers are ended
 * before this returns.
 */
export async function measure(
  guest: Guest,
  subjects: readonly Subject[],
  options: MeasureOptions,
): Promise<SubjectResult[]> {
  const results = subjects.map((subject): SubjectResult => ({
    subject,
    oneCore: new Map(guest.connections.map((count) => [count, []])),
    twoCores: [],
    startsMs: [],
    memory: undefined,
    failedRequests: 0,
    problem: undefined,
  }));
  const phase = { guest, results, ...options };
  await measureOneCore(phase);
  await measureTwoCores(phase);
  await measureStarts(phase);
  return results;
}

interface Phase extends MeasureOptions {
  readonly guest: Guest;
  readonly results: readonly SubjectResult[];
}

async function measureOneCore(phase: Phase): Promise<void> {
  const { guest, plan, oneCore, report, signal } = phase;
  await using servers = new Servers();
  await servers.startAll(phase, { prefix: oneCore.serverPrefix, isolates: 1 });
  for (const { server } of servers.running) resetPeak(server.pid);
  for (let round = 0; round < plan.rounds; round++) {
    report(`${guest.title}: one core, round ${round + 1} of ${plan.rounds}`);
    for (const { server, result } of inTurn(servers.running, round)) {
      for (const connections of guest.connections) {
        const load = { url: server.url, connections, placement: oneCore };
        const measured = await loadOnce(load, { result, plan, signal });
        result.oneCore.get(connections)!.push(measured);
      }
    }
  }
  report(`${guest.title}: memory after ${plan.idleMs / 1_000} s without load`);
  const peaks = servers.running.map(({ server }) => readMemory(server.pid)?.peakBytes);
  await pause(plan.idleMs, signal);
  servers.running.forEach(({ server, result }, index) => {
    const idle = readMemory(server.pid);
    if (idle) result.memory = { peakBytes: peaks[index] ?? idle.peakBytes, idle };
  });
}

async function measureTwoCores(phase: Phase): Promise<void> {
  const { guest, plan, twoCores, report, signal } = phase;
  if (plan.twoCoreRounds === 0) return;
  await using servers = new Servers();
  await servers.startAll(phase, { prefix: twoCores.serverPrefix, isolates: 2 });
  for (let round = 0; round < plan.twoCoreRounds; round++) {
    report(`${guest.title}: two cores, round ${round + 1} of ${plan.twoCoreRounds}`);
    for (const { server, result } of inTurn(servers.running, round)) {
      const connections = guest.connections[0]!;
      const load = { url: server.url, connections, placement: twoCores };
      result.twoCores.push(await loadOnce(load, { result, plan, signal }));
    }
  }
}

async function measureStarts({ guest, plan, results, report, signal }: Phase): Promise<void> {
  report(`${guest.title}: ${plan.starts} starts of each`);
  for (let round = 0; round < plan.starts; round++) {
    for (const result of inTurn(results, round)) {
      if (result.problem !== undefined) continue;
      try {
        result.startsMs.push(await measureStart(result.subject, signal));
      } catch (error) {
        signal.throwIfAborted();
        result.problem = errorText(error);
      }
    }
  }
}

async function measureStart(subject: Subject, signal: AbortSignal): Promise<number> {
  const port = freePort();
  const command = subject.command({ port, isolates: 1 });
  const options = { command, port, timeoutMs: START_TIMEOUT_MS };
  await using server = await ServerProcess.start(options, signal);
  return server.startMs;
}

async function loadOnce(
  load: { url: string; connections: number; placement: Placement },
  { result, plan, signal }: { result: SubjectResult; plan: Plan; signal: AbortSignal },
): Promise<LoadResult> {
  const { url, connections, placement } = load;
  await pause(SETTLE_MS, signal);
  const run = { url, connections, signal };
  const warmUp = await placement.load.run({ ...run, seconds: plan.warmUpSeconds });
  const measured = await placement.load.run({ ...run, seconds: plan.seconds });
  for (const { badStatuses, socketErrors } of [warmUp, measured]) {
    result.failedRequests += badStatuses + socketErrors;
  }
  if (measured.requests === 0) result.problem ??= "it answered no request under load";
  return measured;
}

/** Forwards and backwards alternately, so that no subject always follows the same one. */
function inTurn<T>(items: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? items : items.toReversed();
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  signal.throwIfAborted();
}

/** Servers that run side by side; ended together. */
class Servers implements AsyncDisposable {
  readonly running: { readonly server: ServerProcess; readonly result: SubjectResult }[] = [];

  async startAll(
    { results, signal }: Phase,
    { prefix, isolates }: { prefix: readonly string[]; isolates: number },
  ): Promise<void> {
    for (const result of results) {
      if (result.problem !== undefined) continue;
      const port = freePort();
      const command = [...prefix, ...result.subject.command({ port, isolates })];
      try {
        const options = { command, port, timeoutMs: START_TIMEOUT_MS };
        this.running.push({ server: await ServerProcess.start(options, signal), result });
      } catch (error) {
        signal.throwIfAborted();
        result.problem = errorText(error);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.running.map(({ server }) => server[Symbol.asyncDispose]()));
  }
}
