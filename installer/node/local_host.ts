/**
 * The node that this process runs on, or in a pod of.
 *
 * @module
 */

import { queryRuntimes } from "./cri_status.ts";
import { CANNOT_ENTER, type CommandResult, type NodeHost } from "./host.ts";
import { HostFiles } from "./host_files.ts";

/** Where the node is. */
export interface LocalHostOptions {
  /** Where its root is mounted; `/` outside containers. */
  readonly root: string;
  /**
   * The root whose `/proc/1/ns/mnt` programs are run in; `/`: they are run as they are. Default: as
   * {@link root}.
   */
  readonly namespaceRoot?: string | undefined;
}

/** Runs a program in the mount namespace of another process. */
const NSENTER = "nsenter";
/** Where nodes have programs. */
const PATH: readonly string[] = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
  "/opt/bin",
  "/run/current-system/sw/bin",
];
const DEFAULT_TIMEOUT_MS = 60_000;
const TIMED_OUT = 124;
const NOT_FOUND = 127;

/** Creates the node. Its programs are run with `nsenter` if its root is not this process' own. */
export function createLocalHost({ root, namespaceRoot = root }: LocalHostOptions): NodeHost {
  const files = new HostFiles(root);
  async function run(
    command: readonly string[],
    options?: { readonly timeoutMs?: number },
  ): Promise<CommandResult> {
    if (namespaceRoot === "/") return await runCommand(command, options);
    const [name = "", ...args] = command;
    // The `PATH` of this container says nothing about the node.
    const program = await findProgram(files, name);
    if (program === undefined) {
      return { code: NOT_FOUND, stdout: "", stderr: `no program "${name}"` };
    }
    const namespace = `${namespaceRoot.replace(/\/+$/, "")}/proc/1/ns/mnt`;
    return await runCommand([NSENTER, `-m${namespace}`, "--", program, ...args], options);
  }
  return {
    files,
    run,
    loadedRuntimes: async (socket) => await queryRuntimes(await files.resolve(socket)),
    signal: (pid, signal) => Deno.kill(pid, signal),
    now: () => Date.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
}

/** To take that for a node without systemd would be wrong. */
function cannotEnter(reason: string): CommandResult {
  const stderr = `The node's programs cannot be run: ${reason}. The installer needs a privileged ` +
    "container, and hostPID in a pod.";
  return { code: CANNOT_ENTER, stdout: "", stderr };
}

/** Where a node has a program; undefined: nowhere. */
async function findProgram(files: HostFiles, name: string): Promise<string | undefined> {
  const candidates = name.startsWith("/")
    ? [name]
    : PATH.map((directory) => `${directory}/${name}`);
  for (const path of candidates) if (await files.exists(path)) return path;
  return undefined;
}

async function runCommand(
  [program = "", ...args]: readonly string[],
  { timeoutMs = DEFAULT_TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Promise<CommandResult> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      // As services have it: containerd 1.6 looks for relative imports from there.
      cwd: "/",
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (program === NSENTER && error instanceof Deno.errors.NotFound) {
      return cannotEnter(
        `the program "${NSENTER}" (of busybox or util-linux) is not in this image`,
      );
    }
    return { code: NOT_FOUND, stdout: "", stderr: `${program}: ${String(error)}` };
  }
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  try {
    const { code, stdout, stderr } = await child.output();
    const decoder = new TextDecoder();
    const said = decoder.decode(stderr);
    if (program === NSENTER && code !== 0 && said.startsWith(`${NSENTER}: `)) {
      const isMissing = /execut/.test(said);
      return isMissing ? { code: NOT_FOUND, stdout: "", stderr: said } : cannotEnter(said.trim());
    }
    return {
      code: isLate ? TIMED_OUT : code,
      stdout: decoder.decode(stdout),
      stderr: said + (isLate ? `it took longer than ${timeoutMs} ms` : ""),
    };
  } finally {
    clearTimeout(timer);
  }
}
