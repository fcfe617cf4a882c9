/**
 * Problems with what an app is built from and with: Wasm that is not there, and tools that are not.
 *
 * @module
 */

import { delimiter, dirname, join, resolve } from "node:path";
import { TerminalError } from "../../../lib/errors.ts";
import type { AppSource } from "../../loader/mod.ts";
import type { NormalComponent, NormalManifest } from "../../loader/normalize.ts";
import { buildApp } from "../build.ts";
import type { Diagnosis } from "./diagnosis.ts";

/** What is known of the machine. */
export interface BuildMachine {
  /** `PATH`. */
  readonly path: string;
  readonly isWindows: boolean;
  /** Runs a program. @returns its output; undefined if it fails. */
  readonly run: (program: string, args: readonly string[]) => Promise<string | undefined>;
  readonly report: (line: string) => void;
}

/** Options of {@link diagnoseBuild}. */
export interface DiagnoseBuildOptions {
  readonly source: AppSource;
  readonly cwd: string;
  readonly machine: BuildMachine;
}

/** Tools before the Wasm that they make: what cannot be built need not be tried. */
export async function diagnoseBuild(
  manifest: NormalManifest,
  options: DiagnoseBuildOptions,
): Promise<Diagnosis[]> {
  const tools = await diagnoseTools(manifest, options.machine);
  const wasm: Diagnosis[] = [];
  for (const [id, component] of manifest.components) {
    const found = await diagnoseWasm(id, { ...options, component, canBuild: tools.length === 0 });
    if (found) wasm.push(found);
  }
  return [...tools, ...wasm];
}

async function diagnoseWasm(
  id: string,
  { source: app, component: { source, build }, cwd, machine, canBuild }: DiagnoseBuildOptions & {
    component: NormalComponent;
    canBuild: boolean;
  },
): Promise<Diagnosis | undefined> {
  if (source?.kind !== "path" || await isFile(resolve(dirname(app.path), source.path))) return;
  const problem = `Component "${id}": the Wasm "${source.path}" is not there`;
  if (!build) {
    return {
      problem: `${problem}, and the component has no build command; put the file there, or add one`,
      treatment: undefined,
    };
  }
  if (!canBuild) return { problem: `${problem} yet`, treatment: undefined };
  return {
    problem: `${problem}; it has to be built`,
    treatment: {
      summary: `Build component "${id}"`,
      apply: () =>
        buildApp(app, {
          cwd,
          componentIds: [id],
          isStdoutReserved: true,
          report: machine.report,
        }),
    },
  };
}

async function diagnoseTools(
  { components }: NormalManifest,
  machine: BuildMachine,
): Promise<Diagnosis[]> {
  const users = new Map<string, string[]>();
  const targets = new Set<string>();
  for (const [id, { build }] of components) {
    if (!build) continue;
    const commands = typeof build.command === "string" ? [build.command] : build.command;
    for (const command of commands) {
      for (const tool of toolsOf(command)) {
        users.set(tool, [...new Set([...users.get(tool) ?? [], id])]);
      }
      const target = /\bcargo\b.*--target[= ](\S+)/.exec(command)?.[1];
      if (target !== undefined) targets.add(target);
    }
  }
  const missing: Diagnosis[] = [];
  for (const [tool, ids] of users) {
    if (await isOnPath(tool, machine)) continue;
    const hint = INSTALL[tool];
    missing.push({
      problem: `${tool} is not on the PATH, and builds ${ids.map((id) => `"${id}"`).join(", ")}; ` +
        (hint === undefined ? "install it" : `install it: ${hint}`),
      treatment: undefined,
    });
  }
  const hasRust = users.has("cargo") && await isOnPath("cargo", machine);
  return [...missing, ...hasRust ? await diagnoseTargets(targets, machine) : []];
}

/** Where tools come from. */
const INSTALL: Readonly<Record<string, string>> = {
  cargo: "https://rustup.rs",
  npm: "https://nodejs.org",
  npx: "https://nodejs.org",
  node: "https://nodejs.org",
  go: "https://go.dev/dl",
  tinygo: "https://tinygo.org/getting-started/install",
  "componentize-py": "pip install componentize-py",
  deno: "https://docs.deno.com/runtime/getting_started/installation",
};

/** The programs that a shell command starts, as far as they are known; others it may define itself. */
function toolsOf(command: string): string[] {
  return command.split(/&&|\|\||[;|\n]/).flatMap((part) => {
    const words = part.trim().split(/\s+/);
    const first = words.find((word) => !/^[A-Za-z_]\w*=/.test(word));
    return first !== undefined && Object.hasOwn(INSTALL, first) ? [first] : [];
  });
}

async function diagnoseTargets(
  targets: ReadonlySet<string>,
  { run }: BuildMachine,
): Promise<Diagnosis[]> {
  if (targets.size === 0) return [];
  const listed = await run("rustup", ["target", "list", "--installed"]);
  // A Rust without rustup has the targets that its packager gave it.
  if (listed === undefined) return [];
  const installed = listed.split(/\s+/);
  return [...targets].filter((target) => !installed.includes(target)).map((target) => ({
    problem: `The Rust target ${target} is not installed`,
    treatment: {
      summary: `Run rustup target add ${target}`,
      async apply() {
        if (await run("rustup", ["target", "add", target]) !== undefined) return;
        throw new TerminalError("CannotFix", `rustup target add ${target} failed`);
      },
    },
  }));
}

async function isOnPath(tool: string, { path, isWindows }: BuildMachine): Promise<boolean> {
  const endings = isWindows ? [".exe", ".cmd", ".bat", ""] : [""];
  for (const directory of path.split(delimiter)) {
    for (const ending of endings) {
      if (directory !== "" && await isFile(join(directory, tool + ending))) return true;
    }
  }
  return false;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.PermissionDenied
    ) return false;
    throw error;
  }
}
