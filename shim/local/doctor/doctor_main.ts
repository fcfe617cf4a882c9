/**
 * The mode `doctor`: finds out what keeps an app from being built and served on this machine.
 *
 * @module
 */

import { formatHelp } from "../../../lib/command_help.ts";
import { parseCommandLine } from "../../../lib/command_line.ts";
import { errorText, ManifestError, TerminalError } from "../../../lib/errors.ts";
import { dirname, join, relative } from "../../../lib/path.ts";
import { type AppSource, findAppSource } from "../../loader/mod.ts";
import { readNormalManifest } from "../../loader/load_app.ts";
import { type BuildMachine, diagnoseBuild } from "./diagnose_build.ts";
import { diagnoseVersion } from "./diagnose_version.ts";
import type { Diagnosis } from "./diagnosis.ts";
import { DOCTOR } from "./doctor_options.ts";

/** A treatment may bring the next problem to light; nothing has this many. */
const MAX_ROUNDS = 20;

/**
 * Runs `doctor` with the arguments that follow it.
 * @returns The exit code: 0 if there is no problem, or none any more, else 1.
 * @throws {TerminalError} if there is no manifest.
 */
export async function runDoctor(args: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(DOCTOR, args, { environment: (name) => Deno.env.get(name) });
  if (parsed.kind === "help") {
    console.log(formatHelp(DOCTOR));
    return 0;
  }
  const cwd = Deno.cwd();
  const source = await findManifest(parsed.values.from, cwd);
  const problems = await examine(source, cwd);
  if (parsed.values.output === "json") {
    console.log(formatJson(problems));
    return problems.length === 0 ? 0 : 1;
  }
  if (problems.length === 0) {
    console.log("No problems found.");
    return 0;
  }
  if (parsed.values.fix) return await treat(problems, { source, cwd });
  for (const { problem, treatment } of problems) {
    console.log(problem);
    if (treatment) console.log(`  Fix: ${treatment.summary}`);
  }
  if (problems.some(({ treatment }) => treatment)) {
    console.log("Run `spinkube doctor --fix` to apply the fixes.");
  }
  return 1;
}

function formatJson(found: readonly Diagnosis[]): string {
  const problems = found.map(({ problem, treatment }) => ({
    problem,
    ...(treatment ? { fix: treatment.summary } : {}),
  }));
  return JSON.stringify({ problems }, null, 2);
}

/** In the original's words; it does not search further up either. */
async function findManifest(from: string | undefined, cwd: string): Promise<AppSource> {
  let source: AppSource;
  try {
    source = await findAppSource(from, cwd);
  } catch (error) {
    const isMissing = from === undefined && error instanceof TerminalError &&
      error.reason === "AppNotFound";
    if (!isMissing) throw error;
    throw new TerminalError("AppNotFound", '"spin.toml" not found', { cause: error });
  }
  if (from === undefined && source.path !== join(cwd, "spin.toml")) {
    throw new TerminalError(
      "AppNotFound",
      `No spin.toml in current directory - did you mean '--from ${relative(cwd, source.path)}'?`,
    );
  }
  return source;
}

/** Applies one treatment after the other; each may bring the next problem to light. */
async function treat(
  first: readonly Diagnosis[],
  { source, cwd }: { source: AppSource; cwd: string },
): Promise<number> {
  let problems = first;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = problems.find(({ treatment }) => treatment);
    if (!next) break;
    console.log(`${next.problem}\n  Fix: ${next.treatment!.summary}`);
    await next.treatment!.apply();
    problems = await examine(source, cwd);
    if (problems.some(({ problem }) => problem === next.problem)) {
      throw new TerminalError("CannotFix", `The fix did not help: ${next.problem}`);
    }
  }
  for (const { problem } of problems) console.log(problem);
  if (problems.length > 0) return 1;
  console.log("No problems found any more.");
  return 0;
}

async function examine(source: AppSource, cwd: string): Promise<Diagnosis[]> {
  if (source.kind !== "manifest") return [];
  const name = relative(cwd, source.path) || source.path;
  const text = await Deno.readTextFile(source.path);
  const version = diagnoseVersion({ path: source.path, name, text });
  if (version) return [version];
  try {
    const manifest = await readNormalManifest(source, { cwd });
    return await diagnoseBuild(manifest, { source, cwd, machine: thisMachine(source) });
  } catch (error) {
    if (error instanceof ManifestError) {
      return errorText(error).split("\n").map((problem) => ({ problem, treatment: undefined }));
    }
    if (error instanceof TerminalError) {
      return [{ problem: error.message, treatment: undefined }];
    }
    throw error;
  }
}

function thisMachine(source: AppSource): BuildMachine {
  return {
    path: Deno.env.get("PATH") ?? "",
    isWindows: Deno.build.os === "windows",
    report: (line) => console.error(line),
    async run(program, args) {
      try {
        const { success, stdout } = await new Deno.Command(program, {
          args: [...args],
          cwd: dirname(source.path),
          stdin: "null",
          stderr: "inherit",
        }).output();
        return success ? new TextDecoder().decode(stdout) : undefined;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    },
  };
}
