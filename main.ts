/**
 * The program: picks a mode, loads that mode and nothing else, and turns what it throws into an
 * exit code.
 *
 * The serving host starts this file again in each of its workers (see `shim/host/workers.ts`).
 *
 * @module
 */

import { TerminalError, UsageError } from "./lib/errors.ts";
import { VERSION } from "./lib/version.ts";

/** Modes of names under which the program is started: by containerd, and by Spin as its plugin. */
const MODES: ReadonlyMap<string, string> = new Map([
  ["containerd-shim-spin-v2", "shim"],
  ["kube", "kube"],
]);

const HELP = `Runs Spin apps: serverless WebAssembly, in one program.

Usage: spinkube COMMAND [OPTIONS]

Commands:
  new         Make an app from a template
  up          Serve an app on this machine
  build       Run the build commands of an app
  watch       Serve an app, and reload it when its files change
  inspect     Show what an app needs, and whether it can run here
  doctor      Find out what keeps an app from working here
  registry    Push an app to a registry, or pull one
  deploy      Build, push and deploy an app, and wait for it
  kube        Make and manage apps on Kubernetes
  controller  Run the operator of a cluster
  installer   Put the shim on a node of Kubernetes
  version     Print the version
  help        Print all about a command: spinkube help up

Every command prints its options with --help.

Examples:
  spinkube new shop -t http-ts
  spinkube build --up --listen 127.0.0.1:8080`;

const VERSION_HELP = `Prints the version of this program.

Usage: spinkube version

Examples:
  spinkube version
  spinkube --version`;

const HELP_HELP = `Prints all about a command: its options, and examples.

Usage: spinkube help [COMMAND]

Examples:
  spinkube help up
  spinkube help registry push`;

const COMMANDS: readonly string[] = [
  "new",
  "up",
  "build",
  "watch",
  "inspect",
  "doctor",
  "registry",
  "deploy",
  "kube",
  "scaffold",
  "completion",
  "controller",
  "installer",
  "version",
  "help",
];

/** @returns The exit code. */
async function runMode(args: readonly string[]): Promise<number> {
  const [word, ...rest] = args;
  switch (word) {
    case "new":
    case "n": {
      const { runNew } = await import("./shim/local/new/new_main.ts");
      return await runNew(rest);
    }
    case "up":
    case "u": {
      const { runUp } = await import("./shim/local/up_main.ts");
      return await runUp(rest);
    }
    case "build":
    case "b": {
      const { runBuild } = await import("./shim/local/build_main.ts");
      return await runBuild(rest);
    }
    case "watch":
    case "w":
    case "dev": {
      const { runWatch } = await import("./shim/local/watch/watch_main.ts");
      return await runWatch(rest);
    }
    case "doctor": {
      if (rest.includes("--cluster")) {
        const { runClusterDoctor } = await import("./deploy/cli/doctor/doctor_main.ts");
        return await runClusterDoctor(rest, { version: VERSION });
      }
      const { runDoctor } = await import("./shim/local/doctor/doctor_main.ts");
      return await runDoctor(rest);
    }
    case "inspect": {
      const { runInspect } = await import("./shim/local/inspect/inspect_main.ts");
      return await runInspect(rest);
    }
    case "registry":
    case "oci": {
      const { runRegistry } = await import("./shim/local/registry/registry_main.ts");
      return await runRegistry(rest);
    }
    case "kube": {
      const { runKube } = await import("./deploy/cli/kube_main.ts");
      return await runKube(rest, { version: VERSION });
    }
    case "deploy": {
      const { runDeploy } = await import("./deploy/cli/kube_main.ts");
      return await runDeploy(rest, { version: VERSION, isWhole: true });
    }
    case "completion": {
      const { runCompletion } = await import("./deploy/cli/completion_main.ts");
      return await runCompletion(rest);
    }
    case "scaffold": {
      const { runScaffold } = await import("./deploy/cli/scaffold_main.ts");
      return await runScaffold(rest);
    }
    case "controller": {
      const { runController } = await import("./controllers/manager/controller_main.ts");
      return await runController(rest, { version: VERSION });
    }
    case "installer": {
      const { runInstaller } = await import("./installer/installer_main.ts");
      return await runInstaller(rest);
    }
    case "shim": {
      const { runShim } = await import("./shim/task/main.ts");
      return await runShim(rest, { version: VERSION, revision: "" });
    }
    case "host": {
      const { runPodHost } = await import("./shim/pod/host_main.ts");
      return await runPodHost(rest);
    }
    case "prepare-app": {
      const { runPrepareApp } = await import("./shim/store/prepare_app_main.ts");
      return await runPrepareApp(rest);
    }
    case "prepare": {
      const { runPrepare } = await import("./shim/engine/prepare_main.ts");
      await runPrepare(rest);
      return Number(Deno.exitCode);
    }
    case "version":
    case "--version":
    case "-V":
      console.log(rest.some(asksForHelp) ? VERSION_HELP : `spinkube ${VERSION}`);
      return 0;
    case "help":
      if (rest[0] === "installer") return await runMode(["installer", "help", ...rest.slice(1)]);
      if (rest[0] === "controller") return await runMode(["controller", "--help"]);
      console.log(await helpFor(rest));
      return 0;
    case undefined:
    case "--help":
    case "-h":
      console.log(HELP);
      return 0;
    default:
      throw await unknownWord(word);
  }
}

async function helpFor([command, word]: readonly string[]): Promise<string> {
  if (command === undefined) return HELP;
  const { formatFullHelp } = await import("./lib/command_help.ts");
  if (command === "new") {
    return formatFullHelp((await import("./shim/local/new/new_options.ts")).NEW);
  }
  if (command === "up") return formatFullHelp((await import("./shim/local/up_options.ts")).UP);
  if (command === "build") return formatFullHelp((await import("./shim/local/build.ts")).BUILD);
  if (command === "watch") {
    return formatFullHelp((await import("./shim/local/watch/watch_options.ts")).WATCH);
  }
  if (command === "doctor" && word === "--cluster") {
    const { CLUSTER_DOCTOR } = await import("./deploy/cli/doctor/doctor_options.ts");
    return formatFullHelp(CLUSTER_DOCTOR);
  }
  if (command === "doctor") {
    return formatFullHelp((await import("./shim/local/doctor/doctor_options.ts")).DOCTOR);
  }
  if (command === "inspect") {
    return formatFullHelp((await import("./shim/local/inspect/inspect_options.ts")).INSPECT);
  }
  if (command === "registry" || command === "oci") {
    const { helpForRegistry } = await import("./shim/local/registry/registry_main.ts");
    return helpForRegistry(word);
  }
  if (command === "deploy") {
    return formatFullHelp((await import("./deploy/cli/deploy_options.ts")).DEPLOY);
  }
  if (["kube", "scaffold", "completion"].includes(command)) {
    const { helpForKube } = await import("./deploy/cli/kube_main.ts");
    return await helpForKube(command === "kube" ? word : command);
  }
  if (command === "version") return VERSION_HELP;
  if (command === "help" || asksForHelp(command)) return HELP_HELP;
  throw await unknownWord(command);
}

function asksForHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

async function unknownWord(word: string): Promise<UsageError> {
  const { nearest } = await import("./lib/nearest.ts");
  const isOption = word.startsWith("-");
  const best = nearest(word.replace(/^-+/, ""), isOption ? ["help", "version"] : COMMANDS);
  return new UsageError(
    `Unknown ${isOption ? "option" : "command"} "${word}"`,
    best === undefined
      ? 'See "spinkube --help".'
      : `Did you mean "spinkube ${isOption ? "--" : ""}${best}"?`,
  );
}

/** Prints what went wrong. @returns The exit code. */
function reportFailure(error: unknown): number {
  if (error instanceof UsageError) {
    console.error(`Error: ${error.message}`);
    if (error.hint !== undefined) console.error(error.hint);
    return 2;
  }
  const message = error instanceof Error ? error.message : String(error);
  console.error(`Error: ${message}`);
  if (error instanceof TerminalError) return 1;
  if (error instanceof Error && Deno.env.get("SPINKUBE_DEBUG")) console.error(error.stack);
  else console.error("Set SPINKUBE_DEBUG=1 to see where this comes from.");
  return 1;
}

/** The name a compiled program was started under; other forms name the mode in their launcher. */
function startedAs(): string | undefined {
  if (!Deno.build.standalone || Deno.build.os !== "linux") return undefined;
  // Deno follows links when asked for its path; the kernel keeps the words as they were given.
  const [program = ""] = Deno.readTextFileSync("/proc/self/cmdline").split("\0", 1);
  return program.slice(program.lastIndexOf("/") + 1);
}

async function main(): Promise<void> {
  let code: number;
  try {
    const mode = MODES.get(startedAs() ?? "");
    code = await runMode(mode === undefined ? Deno.args : [mode, ...Deno.args]);
  } catch (error) {
    code = reportFailure(error);
  }
  Deno.exit(code);
}

// Deno gives the global object of workers this tag; asking costs the main thread nothing.
if (Object.prototype.toString.call(globalThis) === "[object DedicatedWorkerGlobalScope]") {
  const { runWorker } = await import("./shim/host/worker_main.ts");
  await runWorker();
} else {
  await main();
}
