/**
 * Runs the program as a user does: a child process that serves an app, or refuses to.
 *
 * @module
 */

import { DENO_FLAGS } from "../../lib/self_command.ts";
import { PROGRAM_PATH } from "./fixtures.ts";
import { recordCalls } from "./recorded_calls.ts";
import { RunningApp } from "./running_app.ts";

/** What to run. */
export interface UpOptions {
  /** Manifest, its directory, or a Wasm file. */
  readonly from: string;
  /** Further arguments of `up`. */
  readonly args?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** `host:port`; default: a port of the system's choice on 127.0.0.1. */
  readonly listen?: string;
  /** A shell command that is run in the same process before the program: `ulimit -n 64`. */
  readonly shell?: string;
  /** Where state and logs go; default: a directory of its own for each start. */
  readonly stateDir?: string;
  /** Where prepared components are kept; default: the suite's, so that each is prepared once. */
  readonly cacheDir?: string;
  /** Default: `2s`, so that requests that a test left hanging do not hold up its end. */
  readonly gracePeriod?: string;
  /** The program's main module; default: `main.ts`. */
  readonly program?: string;
  /** Whether the test reads stderr; false leaves the pipe alone until it is full. Default: true. */
  readonly readsStderr?: boolean;
}

/** How a program that does not serve ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Milliseconds a program that should refuse may take to do so. */
const REFUSE_MS = 30_000;

/** The directories and processes of one test file. The file closes it in `afterAll`. */
export class TestSuite {
  #root: string | undefined;
  readonly #apps = new Set<RunningApp>();

  /** A new directory, removed with the suite. */
  directory(): string {
    this.#root ??= Deno.makeTempDirSync({ prefix: "spinkube-test-" });
    return Deno.makeTempDirSync({ dir: this.#root });
  }

  /** The prepared components of this suite. */
  get cacheDir(): string {
    this.#root ??= Deno.makeTempDirSync({ prefix: "spinkube-test-" });
    return `${this.#root}/cache`;
  }

  /**
   * Starts the program and waits until it serves. The caller disposes the result.
   * @throws {Error} with what the program printed, if it does not come up in time.
   */
  async start(options: UpOptions): Promise<RunningApp> {
    const command = this.#command(options);
    const app = await RunningApp.start(command, options.readsStderr ?? true);
    this.#apps.add(app);
    return app;
  }

  /** Runs a program that is expected to end by itself. */
  async refuse(options: UpOptions): Promise<Outcome> {
    const signal = AbortSignal.timeout(REFUSE_MS);
    const { program, args, env } = this.#command(options);
    const output = await new Deno.Command(program, {
      args,
      env,
      signal,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    return {
      code: output.code,
      stdout: new TextDecoder().decode(output.stdout),
      stderr: new TextDecoder().decode(output.stderr),
    };
  }

  /** Stops what still runs and removes every directory. */
  async close(): Promise<void> {
    for (const app of this.#apps) await app[Symbol.asyncDispose]();
    if (this.#root !== undefined) await Deno.remove(this.#root, { recursive: true });
    this.#root = undefined;
  }

  #command(options: UpOptions): { program: string; args: string[]; env: Record<string, string> } {
    const command = [
      Deno.execPath(),
      "run",
      ...DENO_FLAGS,
      options.program ?? PROGRAM_PATH,
      "up",
      "--from",
      options.from,
      "--listen",
      options.listen ?? "127.0.0.1:0",
      "--format",
      "json",
      "--cache-dir",
      options.cacheDir ?? this.cacheDir,
      "--state-dir",
      options.stateDir ?? this.directory(),
      "--grace-period",
      options.gracePeriod ?? "2s",
      ...options.args ?? [],
    ];
    // A program that is killed cannot remove its temporary files; the suite does.
    const env = {
      NO_COLOR: "1",
      TMPDIR: this.directory(),
      ...recordCalls(options.from),
      ...options.env,
    };
    if (options.shell === undefined) return { program: command[0]!, args: command.slice(1), env };
    return {
      program: "sh",
      args: ["-c", `${options.shell} && exec "$@"`, "sh", ...command],
      env,
    };
  }
}
