/**
 * runc, or whatever takes its command line (crun).
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import type { ProcessStdio } from "./spawn_process.ts";

/** runc did not do what it was told. The message is runc's own. */
export class RuncError extends Error {
  override readonly name = "RuncError";

  /** Whether the process or container is not there any more. */
  get isGone(): boolean {
    return /process already finished|container not running|no such process|does not exist/i
      .test(this.message);
  }
}

/** How runc is called for the containers of one shim. */
export interface RuncConfig {
  /** The program. */
  readonly program: string;
  /** `--root`: where it keeps its state. */
  readonly root: string;
  /** `--systemd-cgroup`. */
  readonly isSystemdCgroup: boolean;
  /** Default: none. */
  readonly log?: string | undefined;
  /** Needed to create containers and to exec in them. */
  readonly run?: RunProcess | undefined;
}

/** Runs a program to its end, with descriptors of our choice. @returns Its exit code. */
export type RunProcess = (
  program: string,
  options: { args: readonly string[]; stdio: ProcessStdio },
) => Promise<number>;

const NO_STDIO: ProcessStdio = ["ignore", "ignore", "ignore"];

/** Where a process is started with. */
export interface RuncProcess {
  /** runc writes the process's pid here. */
  readonly pidFile: string;
  readonly stdio: ProcessStdio;
  /** Socket that gets the terminal's master. */
  readonly consoleSocket?: string | undefined;
}

/** Calls runc. */
export class Runc {
  readonly #config: RuncConfig;

  constructor(config: RuncConfig) {
    this.#config = config;
  }

  /** Creates a container, whose init waits to be started. */
  async create(
    id: string,
    process: RuncProcess & { bundle: string; isNoPivot?: boolean; isNoNewKeyring?: boolean },
  ): Promise<void> {
    await this.#start("create", process.stdio, [
      ...["--bundle", process.bundle, "--pid-file", process.pidFile],
      ...(process.consoleSocket === undefined ? [] : ["--console-socket", process.consoleSocket]),
      ...(process.isNoPivot ? ["--no-pivot"] : []),
      ...(process.isNoNewKeyring ? ["--no-new-keyring"] : []),
      id,
    ]);
  }

  /** Runs a further process in a container. `specFile`: an OCI process object as JSON. */
  async exec(id: string, process: RuncProcess & { specFile: string }): Promise<void> {
    await this.#start("exec", process.stdio, [
      ...["--process", process.specFile, "--detach", "--pid-file", process.pidFile],
      ...(process.consoleSocket === undefined ? [] : ["--console-socket", process.consoleSocket]),
      id,
    ]);
  }

  async start(id: string): Promise<void> {
    await this.#start("start", NO_STDIO, [id]);
  }

  /** @param options.all To every process of the container, not only to its first. */
  async kill(id: string, { signal, all }: { signal: number; all: boolean }): Promise<void> {
    await this.#run(["kill", ...(all ? ["--all"] : []), id, String(signal)]);
  }

  /** Removes a container that has ended; with `isForced` any. One that is not there is fine. */
  async delete(id: string, { isForced }: { isForced: boolean }): Promise<void> {
    try {
      await this.#run(["delete", ...(isForced ? ["--force"] : []), id]);
    } catch (error) {
      if (!(error instanceof RuncError && error.isGone)) throw error;
    }
  }

  async pause(id: string): Promise<void> {
    await this.#run(["pause", id]);
  }

  async resume(id: string): Promise<void> {
    await this.#run(["resume", id]);
  }

  /** Changes the limits. @param resources OCI `LinuxResources` as JSON. */
  async update(id: string, resources: Uint8Array): Promise<void> {
    await this.#run(["update", "--resources", "-", id], resources);
  }

  /** `runc features` as JSON; undefined if this runc is too old to say. */
  async features(): Promise<string | undefined> {
    try {
      return await this.#run(["features"]);
    } catch (error) {
      if (error instanceof RuncError) return undefined;
      throw error;
    }
  }

  get #global(): string[] {
    const { root, isSystemdCgroup, log } = this.#config;
    return [
      ...["--root", root],
      ...(log === undefined ? [] : ["--log", log, "--log-format", "json"]),
      ...(isSystemdCgroup ? ["--systemd-cgroup"] : []),
    ];
  }

  /** Runs a short command to its end. @returns Its stdout. */
  async #run(args: readonly string[], input?: Uint8Array): Promise<string> {
    const { program } = this.#config;
    let child: Deno.ChildProcess;
    try {
      child = new Deno.Command(program, {
        args: [...this.#global, ...args],
        stdin: input ? "piped" : "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    } catch (error) {
      throw cannotRun(program, error);
    }
    if (input) {
      const writer = child.stdin.getWriter();
      // If runc does not read it, its exit code says why.
      await writer.write(input).then(() => writer.close()).catch(() => {});
    }
    const { code, stdout, stderr } = await child.output();
    if (code === 0) return new TextDecoder().decode(stdout);
    throw this.#failure(args[0]!, new TextDecoder().decode(stderr));
  }

  /** Starts a process that keeps the descriptors: what runc says is in its log only. */
  async #start(
    command: string,
    stdio: ProcessStdio,
    args: readonly string[],
  ): Promise<void> {
    const { program, run } = this.#config;
    if (!run) throw new TypeError(`runc ${command} needs a way to run it`);
    let code: number;
    try {
      code = await run(program, { args: [...this.#global, command, ...args], stdio });
    } catch (error) {
      throw cannotRun(program, error);
    }
    if (code !== 0) throw this.#failure(command, "");
  }

  #failure(command: string, stderr: string): RuncError {
    const { log } = this.#config;
    const logged = log === undefined ? undefined : lastError(log);
    const text = logged ?? stderr.trim().split("\n").at(-1)!;
    return new RuncError(text === "" ? `runc ${command} failed without a message` : text);
  }
}

function cannotRun(program: string, error: unknown): RuncError {
  return new RuncError(
    `Cannot run "${program}": ${errorText(error)}. Install runc on the node`,
    { cause: error },
  );
}

/** The message of the last line of runc's log that is an error. */
function lastError(path: string): string | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  for (const line of text.trimEnd().split("\n").reverse()) {
    try {
      const entry = JSON.parse(line);
      if (entry.level === "error") return entry.msg;
    } catch {
      // A line that is cut off, because the disk is full for example.
    }
  }
  return undefined;
}

/** Where distributions keep runc, if it is not on the `PATH`. `*` is any one directory. */
const PLACES = [
  "/usr/bin/runc",
  "/usr/sbin/runc",
  "/usr/local/sbin/runc",
  "/usr/local/bin/runc",
  "/var/lib/rancher/k3s/data/current/bin/runc",
  "/var/lib/rancher/rke2/bin/runc",
  "/var/lib/rancher/rke2/data/*/bin/runc",
  "/snap/microk8s/current/bin/runc",
  "/var/lib/k0s/bin/runc",
  "/usr/bin/crun",
] as const;

/**
 * Finds runc: a path that is configured, a name on the `PATH`, or where distributions keep it.
 * @returns The name itself if it is found nowhere, so that the failure to run it says what is missing.
 */
export function findRunc(
  configured: string | undefined,
  edge: { path: string; isExecutable: (path: string) => boolean; list: (dir: string) => string[] },
): string {
  if (configured?.includes("/")) return configured;
  const name = configured ?? "runc";
  for (const directory of edge.path.split(":")) {
    if (directory !== "" && edge.isExecutable(`${directory}/${name}`)) {
      return `${directory}/${name}`;
    }
  }
  if (configured !== undefined) return configured;
  for (const place of PLACES) {
    const [before, after] = place.split("*") as [string, string | undefined];
    const candidates = after === undefined
      ? [place]
      : edge.list(before).map((entry) => `${before}${entry}${after}`);
    const found = candidates.find(edge.isExecutable);
    if (found !== undefined) return found;
  }
  return name;
}
