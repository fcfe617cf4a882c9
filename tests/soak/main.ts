/**
 * `deno task soak`: loads the program for long, with instances limited in memory, and fails if a
 * request fails or memory grows after the warm-up.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../lib/errors.ts";
import { userCacheDir } from "../../shim/local/cache_dir.ts";
import { checkFiles, isInstalled } from "../bench/find_program.ts";
import { type Guest, placeCGuest, placeJsGuest } from "../bench/guest.ts";
import { buildJsGuest } from "../bench/js_guest.ts";
import { createLoadGenerator } from "../bench/load.ts";
import { judgeGrowth } from "./growth.ts";
import { parseSoakOptions, type SoakOptions, USAGE } from "./options.ts";
import { soak, type SoakResult } from "./soak.ts";

/** Runs the soak; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const options = parseSoakOptions(args);
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
  const workDir = await Deno.makeTempDir({ prefix: "spinkube-soak-" });
  try {
    return await soakAll(options, { workDir, signal: controller.signal });
  } finally {
    await Deno.remove(workDir, { recursive: true });
  }
}

async function soakAll(
  options: SoakOptions,
  { workDir, signal }: { workDir: string; signal: AbortSignal },
): Promise<number> {
  const hasWrk = await isInstalled("wrk", Deno.env.get("PATH") ?? "");
  let hasFailed = false;
  for (const id of options.guests) {
    const guest = id === "c"
      ? await placeCGuest(workDir)
      : await placeJsGuest(await jsGuestPath(options, { workDir, signal }), workDir);
    const result = await soak(guest, {
      program: options.program ?? fileURLToPath(new URL("../../main.ts", import.meta.url)),
      storeDir: join(workDir, "store"),
      workers: options.workers,
      durationMs: options.minutes * 60_000 / options.guests.length,
      load: createLoadGenerator({ hasWrk, prefix: [] }),
      report,
      signal,
    });
    if (!conclude(guest, result)) hasFailed = true;
  }
  return hasFailed ? 1 : 0;
}

/** Prints what came out; returns whether it is good. */
function conclude(guest: Guest, { samples, requests, failedRequests }: SoakResult): boolean {
  const growth = judgeGrowth(samples);
  const [early, late, allowed] = [growth.earlyBytes, growth.lateBytes, growth.allowedBytes]
    .map((bytes) => `${Math.round(bytes / 1e6)} MB`);
  console.log(
    `${guest.title}: ${requests} requests, ${failedRequests} failed; resident after the warm-up ` +
      `${early}, at the end ${late} (allowed ${allowed})`,
  );
  return failedRequests === 0 && !growth.hasGrown;
}

async function jsGuestPath(
  { jsGuest }: SoakOptions,
  { workDir, signal }: { workDir: string; signal: AbortSignal },
): Promise<string> {
  if (jsGuest !== undefined) return jsGuest;
  const environment = (name: string) => Deno.env.get(name);
  const cache = userCacheDir({ os: Deno.build.os, environment });
  const cacheDir = cache === undefined ? workDir : join(cache, "bench");
  return await buildJsGuest({ cacheDir, report, signal });
}

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
