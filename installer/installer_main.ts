/**
 * The mode `installer`: puts shims on a node and takes them off again.
 *
 * @module
 */

import { formatFullHelp } from "../lib/command_help.ts";
import { errorText, TerminalError, UsageError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import { readConfigFile, withFileSettings } from "./config_file.ts";
import { runFetch } from "./fetch_main.ts";
import { createInstallerLog, type InstallerLogOptions } from "./install_log.ts";
import { runInstall, runUninstall } from "./node_main.ts";
import type { NodeHost } from "./node/host.ts";
import { createLocalHost, type LocalHostOptions } from "./node/local_host.ts";
import { EXIT, NodeError } from "./node/node_error.ts";
import { COMMANDS } from "./options.ts";
import { runDoctor, runStatus, runVerify } from "./report_main.ts";

/** What a command works with. Tests give their own. */
export interface InstallerContext {
  /** The environment, and below it the configuration file. */
  readonly environment: (name: string) => string | undefined;
  /** Prints a result. */
  readonly print: (text: string) => void;
  /** Gives the node that the options name. */
  readonly createHost: (options: LocalHostOptions) => NodeHost;
  /** Writes a line of the log; default: to stderr. */
  readonly writeLog?: InstallerLogOptions["write"];
}

type Run = (args: readonly string[], context: InstallerContext) => Promise<number>;

const RUNS: Readonly<Record<string, Run>> = {
  install: runInstall,
  uninstall: runUninstall,
  status: runStatus,
  doctor: runDoctor,
  verify: runVerify,
  fetch: runFetch,
};

const HELP = `Installs containerd shims on a node, and takes them off again.

Usage: spinkube installer COMMAND [OPTIONS]

Commands:
${
  Object.entries(COMMANDS).map(([word, { summary }]) => `  ${word.padEnd(10)} ${summary}`).join(
    "\n",
  )
}

Exit codes: 0 done; 1 failed; 2 wrong command line; 3 the node is not supported;
4 something is not what it should be; 5 containerd did not take it, and everything was taken back.

Examples:
  spinkube installer install --source bundled --dry-run
  spinkube installer doctor`;

/** Runs `installer` with the arguments that follow it. @returns The exit code. */
export async function runInstaller(
  args: readonly string[],
  context?: Partial<InstallerContext>,
): Promise<number> {
  const [word, ...rest] = args;
  const print = context?.print ?? console.log;
  if (word === undefined || ["help", "--help", "-h"].includes(word)) {
    const command = rest[0] === undefined ? undefined : COMMANDS[rest[0]];
    print(command ? formatFullHelp(command) : HELP);
    return EXIT.ok;
  }
  const run = Object.hasOwn(RUNS, word) ? RUNS[word] : undefined;
  if (run === undefined) {
    const best = nearest(word, Object.keys(RUNS));
    throw new UsageError(
      `Unknown command "installer ${word}"`,
      best === undefined ? 'See "spinkube installer --help".' : `Did you mean "${best}"?`,
    );
  }
  const environment = context?.environment ?? ((name) => Deno.env.get(name));
  try {
    const settings = await readConfigFile([".", "/etc"]);
    return await run(rest, {
      print,
      createHost: context?.createHost ?? createLocalHost,
      environment: withFileSettings(environment, settings),
      ...(context?.writeLog && { writeLog: context.writeLog }),
    });
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    const format = rest.includes("--json") ? "json" : word === "fetch" ? "script" : "slog";
    const log = createInstallerLog({
      format,
      ...(context?.writeLog && { write: context.writeLog }),
    });
    log.error(errorText(error));
    return error instanceof NodeError ? error.exitCode : EXIT.failure;
  }
}
