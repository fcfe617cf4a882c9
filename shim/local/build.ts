/**
 * Building apps: `build`, and `up --build`.
 *
 * @module
 */

import { defineCommand } from "../../lib/command_line.ts";
import { TerminalError } from "../../lib/errors.ts";
import { dirname } from "../../lib/path.ts";
import { type AppSource, type BuildCommands, readBuildCommands } from "../loader/mod.ts";
import { saveBuildProfile } from "./last_build.ts";

/** The command `build`. */
export const BUILD = defineCommand({
  name: "spinkube build",
  summary: "Runs the build commands of an app's components.",
  usage: "[OPTIONS] [--up [OPTIONS OF up]]",
  details: [
    "Components are built one after the other, those first that others depend on. The first command that fails ends it.",
  ],
  options: {
    from: {
      kind: "value",
      short: "f",
      aliases: ["file"],
      value: "APP",
      help: "Manifest, or its directory",
    },
    "component-id": { kind: "list", short: "c", value: "ID", help: "Build this one only (repeat)" },
    profile: { kind: "value", value: "NAME", help: "Build profile of the manifest" },
    up: {
      kind: "boolean",
      short: "u",
      help: "Serve the app afterwards; all that follows is for up",
    },
    "skip-target-checks": { kind: "boolean", help: "No targets are checked", hidden: true },
    "skip-generate-wits": { kind: "boolean", help: "No WIT files are written", hidden: true },
  },
  examples: ["spinkube build", "spinkube build -c api --up --listen 127.0.0.1:8080"],
  restAfter: "up",
});

/** Options of {@link buildApp}. */
export interface BuildOptions {
  readonly cwd: string;
  readonly profile?: string;
  /** Build only these; empty: all. */
  readonly componentIds: readonly string[];
  /** Keep stdout free for results: what the commands write there goes to stderr. */
  readonly isStdoutReserved: boolean;
  /** Tells the user what happens. */
  readonly report: (line: string) => void;
  /** Gets what the commands write, which goes to stderr all the same. */
  readonly onOutput?: (bytes: Uint8Array) => void;
  /** Ends the running command, which then has failed. */
  readonly signal?: AbortSignal;
}

/**
 * Runs the build commands of the app one after the other, each in a shell, with the terminal of
 * this process.
 *
 * @throws {TerminalError} if a component does not exist, or at the first command that fails.
 */
export async function buildApp(source: AppSource, options: BuildOptions): Promise<void> {
  const { cwd, profile, componentIds, report } = options;
  const readOptions = { cwd, ...(profile === undefined ? {} : { profile }) };
  const all = await readBuildCommands(source, readOptions);
  const missing = componentIds.filter((id) => !all.some((build) => build.componentId === id));
  await checkComponentsExist(source, { ...readOptions, ids: missing });
  const selected = all.filter(({ componentId }) =>
    componentIds.length === 0 || componentIds.includes(componentId)
  );
  const appDir = dirname(source.path);
  if (selected.length === 0) {
    report("None of the components have a build command.");
    report("For information on specifying a build command, see the `build` table of a component.");
    return;
  }
  for (const build of selected) await buildComponent(build, { ...options, appDir });
  await saveBuildProfile(appDir, profile);
  report("Finished building all Spin components");
}

/** A component without build command is not in the list of commands, but may exist all the same. */
async function checkComponentsExist(
  source: AppSource,
  { ids, cwd, profile }: { ids: readonly string[]; cwd: string; profile?: string },
): Promise<void> {
  const unknown: string[] = [];
  for (const id of ids) {
    try {
      await readBuildCommands(source, {
        cwd,
        componentIds: [id],
        ...(profile === undefined ? {} : { profile }),
      });
    } catch (error) {
      // A component that chains to others cannot be served alone, but it can be built.
      const isMissing = error instanceof TerminalError && error.reason === "InvalidSelection" &&
        error.message.includes("not found in application");
      if (isMissing) unknown.push(id);
      else if (!(error instanceof TerminalError) || error.reason !== "InvalidSelection") {
        throw error;
      }
    }
  }
  if (unknown.length > 0) {
    throw new TerminalError("UnknownComponent", `Unknown component(s) ${unknown.join(", ")}`);
  }
}

async function buildComponent(
  build: BuildCommands,
  options: BuildOptions & { appDir: string },
): Promise<void> {
  const { componentId, commands, workdir } = build;
  const { report } = options;
  const isSingle = commands.length === 1;
  report(
    isSingle
      ? `Building component ${componentId} with \`${commands[0]}\``
      : `Building component ${componentId} (${commands.length} commands)`,
  );
  if (workdir !== undefined) report(`Working directory: ${JSON.stringify(workdir)}`);
  for (const [index, command] of commands.entries()) {
    if (!isSingle) {
      report(
        `Running build step ${index + 1}/${commands.length} for component ${componentId} with ` +
          `'${command}'`,
      );
    }
    await runStep({ build, command }, options);
  }
}

async function runStep(
  { build, command }: { build: BuildCommands; command: string },
  { appDir, isStdoutReserved, onOutput, signal: stop }: BuildOptions & { appDir: string },
): Promise<void> {
  const { componentId, workdir } = build;
  const [shell, flag] = Deno.build.os === "windows" ? ["cmd", "/C"] : ["/bin/sh", "-c"];
  let child: Deno.ChildProcess;
  try {
    // Without this, a missing directory would be reported as a missing shell.
    await Deno.stat(workdir ?? appDir);
    child = new Deno.Command(shell!, {
      args: [flag!, command],
      cwd: workdir ?? appDir,
      stdin: "inherit",
      stdout: isStdoutReserved || onOutput ? "piped" : "inherit",
      stderr: onOutput ? "piped" : "inherit",
      ...(stop ? { signal: stop } : {}),
    }).spawn();
  } catch (error) {
    const shown = build.commands.length === 1
      ? `Single(${JSON.stringify(command)})`
      : `Multiple([${build.commands.map((text) => JSON.stringify(text)).join(", ")}])`;
    throw new TerminalError(
      "CannotBuild",
      `Cannot spawn build process '${shown}' for component ${componentId}: ${spawnProblem(error)}`,
      { cause: error },
    );
  }
  if (onOutput) {
    await Promise.all([
      copyOutput(child.stdout, onOutput),
      copyOutput(child.stderr, onOutput),
    ]);
  } else if (isStdoutReserved) {
    await child.stdout.pipeTo(Deno.stderr.writable, { preventClose: true });
  }
  const { success, code, signal } = await child.status;
  if (success) return;
  throw new TerminalError(
    "BuildFailed",
    `Build command for component ${componentId} failed with status ` +
      (signal === null ? `Exited(${code})` : `Signaled(${code - 128})`),
  );
}

async function copyOutput(
  output: ReadableStream<Uint8Array>,
  onOutput: (bytes: Uint8Array) => void,
): Promise<void> {
  for await (const bytes of output) {
    for (let rest = bytes; rest.length > 0;) rest = rest.subarray(Deno.stderr.writeSync(rest));
    onOutput(bytes);
  }
}

function spawnProblem(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "No such file or directory (os error 2)";
  return error instanceof Error ? error.message : String(error);
}
