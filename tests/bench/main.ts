/**
 * `deno task bench`: measures this program beside others, in one run on one machine, and prints
 * tables of ratios. `docs/benchmarks.md` says what they mean.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorText, UsageError } from "../../lib/errors.ts";
import { userCacheDir } from "../../shim/local/cache_dir.ts";
import { checkFiles, isInstalled } from "./find_program.ts";
import { type Guest, placeCGuest, placeJsGuest } from "./guest.ts";
import { buildJsGuest } from "./js_guest.ts";
import { createLoadGenerator } from "./load.ts";
import { measure, type Plan, type SubjectResult } from "./measure.ts";
import { type BenchOptions, parseBenchOptions, USAGE } from "./options.ts";
import { formatResults } from "./report.ts";
import { createSubjects } from "./subject.ts";
import { placements } from "./placement.ts";

const FULL: Plan = {
  rounds: 3,
  twoCoreRounds: 2,
  warmUpSeconds: 1,
  seconds: 3,
  idleMs: 10_000,
  starts: 7,
};
const QUICK: Plan = {
  rounds: 1,
  twoCoreRounds: 0,
  warmUpSeconds: 1,
  seconds: 1,
  idleMs: 3_000,
  starts: 3,
};

/** Runs the benchmark; returns the exit code: 1 if a request failed or we could not be measured. */
async function main(args: readonly string[]): Promise<number> {
  const options = parseBenchOptions(args);
  if (options.isHelp) {
    console.log(USAGE);
    return 0;
  }
  await checkFiles({ "--program": options.program, "--js-guest": options.jsGuest });
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    if (name === "SIGTERM" && Deno.build.os === "windows") continue;
    Deno.addSignalListener(name, () => controller.abort(new UsageError("Interrupted")));
  }
  const workDir = await Deno.makeTempDir({ prefix: "spinkube-bench-" });
  try {
    return await bench(options, { workDir, signal: controller.signal });
  } finally {
    await Deno.remove(workDir, { recursive: true });
  }
}

async function bench(
  options: BenchOptions,
  { workDir, signal }: { workDir: string; signal: AbortSignal },
): Promise<number> {
  const path = Deno.env.get("PATH") ?? "";
  const [hasWrk, hasTaskset, hasWasmtime, hasSpin] = await Promise.all(
    ["wrk", "taskset", "wasmtime", "spin"].map((program) => isInstalled(program, path)),
  ) as [boolean, boolean, boolean, boolean];
  if (!hasWrk) {
    report("wrk is not on PATH: the built-in generator is used. Install: apt install wrk");
  }
  const { note, ...placement } = placements({
    hasTaskset,
    cpus: navigator.hardwareConcurrency,
    createLoad: (prefix) => createLoadGenerator({ hasWrk, prefix }),
  });
  report(note);
  const surroundings = {
    program: options.program ?? fileURLToPath(new URL("../../main.ts", import.meta.url)),
    storeDir: join(workDir, "store"),
    hasWasmtime,
    hasSpin,
  };
  const plan = options.isQuick ? QUICK : FULL;
  let failures = 0;
  for (const guest of await placeGuests(options, { workDir, signal })) {
    const subjects = await createSubjects(guest, surroundings);
    const results = await measure(guest, subjects, { plan, ...placement, report, signal });
    console.log(`\n${formatResults(guest, results)}\n`);
    failures += results.filter(hasFailed).length;
  }
  return failures > 0 ? 1 : 0;
}

function hasFailed({ subject, failedRequests, problem }: SubjectResult): boolean {
  if (failedRequests > 0) report(`${subject.name}: ${failedRequests} requests failed`);
  return failedRequests > 0 || (subject.isOurs && problem !== undefined);
}

async function placeGuests(
  options: BenchOptions,
  { workDir, signal }: { workDir: string; signal: AbortSignal },
): Promise<Guest[]> {
  const guests: Guest[] = [];
  if (options.guests.includes("c")) guests.push(await placeCGuest(workDir));
  if (!options.guests.includes("js")) return guests;
  try {
    const wasm = options.jsGuest ?? await buildJsGuest({
      cacheDir: options.cacheDir ?? defaultCacheDir() ?? workDir,
      report,
      signal,
    });
    guests.push(await placeJsGuest(wasm, workDir));
  } catch (error) {
    signal.throwIfAborted();
    // Asked for, it has to be there; else the other guest is better than nothing.
    if (options.jsGuest !== undefined || guests.length === 0) throw error;
    report(`The JavaScript guest is left out, because it cannot be built: ${errorText(error)}`);
  }
  return guests;
}

function defaultCacheDir(): string | undefined {
  const environment = (name: string) => Deno.env.get(name);
  const cache = userCacheDir({ os: Deno.build.os, environment });
  return cache === undefined ? undefined : join(cache, "bench");
}

/** Progress goes to stderr, so that stdout has the tables only. */
function report(line: string): void {
  console.error(line);
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  report([error.message, error.hint].filter(Boolean).join("\n"));
  Deno.exit(2);
}
