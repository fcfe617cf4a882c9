/**
 * The mode `inspect`.
 *
 * @module
 */

import { formatHelp } from "../../../lib/command_help.ts";
import { parseCommandLine } from "../../../lib/command_line.ts";
import { TerminalError, UsageError } from "../../../lib/errors.ts";
import { join, resolve } from "../../../lib/path.ts";
import { type AppSource, findAppSource, loadApp, type LockedApp } from "../../loader/mod.ts";
import { userCacheDir } from "../cache_dir.ts";
import { untilStopped } from "../until_stopped.ts";
import { type AppOrigin, describeApp } from "./describe_app.ts";
import { formatDescription } from "./format_description.ts";
import { INSPECT, type InspectValues } from "./inspect_options.ts";

/**
 * Runs `inspect` with the arguments that follow it.
 * @returns The exit code: 0, also if the app cannot be run here; that is a part of the result.
 */
export async function runInspect(args: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(INSPECT, args, { environment: (name) => Deno.env.get(name) });
  if (parsed.kind === "help") {
    console.log(formatHelp(INSPECT));
    return 0;
  }
  const { values } = parsed;
  const words = [...values.from === undefined ? [] : [values.from], ...parsed.words];
  if (words.length > 1) {
    throw new UsageError(
      `One app is inspected at a time, but there are ${words.length}: ${words.join(", ")}`,
      'See "spinkube inspect --help".',
    );
  }
  return await untilStopped(async (signal) => {
    const workingDir = await Deno.makeTempDir({ prefix: "spinkube-inspect-" });
    try {
      const { app, origin } = await load(words[0], { values, workingDir, signal });
      const description = await describeApp(app, origin);
      console.log(
        values.output === "json"
          ? JSON.stringify(description, null, 2)
          : formatDescription(description),
      );
      return 0;
    } finally {
      await Deno.remove(workingDir, { recursive: true });
    }
  });
}

interface LoadContext {
  readonly values: InspectValues;
  readonly workingDir: string;
  readonly signal: AbortSignal;
}

async function load(
  from: string | undefined,
  context: LoadContext,
): Promise<{ app: LockedApp; origin: AppOrigin }> {
  const cwd = Deno.cwd();
  let source: AppSource;
  try {
    source = await findAppSource(from, cwd);
  } catch (error) {
    const isInRegistry = error instanceof TerminalError && error.reason === "RegistrySource";
    if (from === undefined || !isInRegistry) throw error;
    return await pullImage(from, context);
  }
  const { values: { profile, "cache-dir": chosen }, workingDir } = context;
  const cacheDir = chosen ??
    userCacheDir({ os: Deno.build.os, environment: (name) => Deno.env.get(name) }) ??
    join(workingDir, "cache");
  const { app, warnings } = await loadApp(source, {
    workingDir,
    cacheDir: resolve(cwd, cacheDir),
    cwd,
    directMounts: "where-possible",
    ...(profile === undefined ? {} : { profile }),
  });
  for (const warning of warnings) console.error(`Warning: ${warning}`);
  return { app, origin: { source: source.path, digest: undefined } };
}

async function pullImage(
  reference: string,
  { values, workingDir, signal }: LoadContext,
): Promise<{ app: LockedApp; origin: AppOrigin }> {
  const { placeCachedApp, pull } = await import("../registry/pull_app.ts");
  const { insecure, "cache-dir": cacheDir } = values;
  const { cached } = await pull({ insecure, "cache-dir": cacheDir, signal }, reference);
  const app = await placeCachedApp(cached, workingDir);
  return { app, origin: { source: cached.reference, digest: cached.digest } };
}
