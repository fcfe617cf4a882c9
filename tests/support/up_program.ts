/**
 * Runs `up` with apps whose triggers are others than HTTP.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import { PROGRAM_PATH } from "./fixtures.ts";
import type { TestSuite } from "./test_suite.ts";

/** Options of {@link UpProgram}. */
export interface UpProgramOptions {
  /** Further arguments of `up`. */
  readonly args?: readonly string[];
  /** What follows `--`: the arguments of a command. */
  readonly words?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a directory of its own. */
  readonly stateDir?: string;
}

/** A running `up` whose app has no HTTP trigger, so that nothing announces an address. */
export class UpProgram implements AsyncDisposable {
  readonly stateDir: string;
  readonly #child: Deno.ChildProcess;
  readonly #text = { stdout: "", stderr: "" };
  readonly #read: Promise<unknown>;

  /** Starts it. The caller disposes it. */
  constructor(suite: TestSuite, from: string, options: UpProgramOptions = {}) {
    const { args = [], words = [], env = {} } = options;
    this.stateDir = options.stateDir ?? suite.directory();
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", ...DENO_FLAGS, PROGRAM_PATH, "up", "--from", from],
        ...["--cache-dir", suite.cacheDir, "--state-dir", this.stateDir, ...args],
        ...(words.length === 0 ? [] : ["--", ...words]),
      ],
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#read = Promise.all(
      (["stdout", "stderr"] as const).map(async (name) => {
        const decoder = new TextDecoderStream();
        for await (const chunk of this.#child[name].pipeThrough(decoder)) this.#text[name] += chunk;
      }),
    );
  }

  get stdout(): string {
    return this.#text.stdout;
  }

  get stderr(): string {
    return this.#text.stderr;
  }

  /** The exit code, once everything has been read. */
  async code(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#read;
    return code;
  }

  /** @param signal Default: SIGTERM. */
  kill(signal: Deno.Signal = "SIGTERM"): void {
    this.#child.kill(signal);
  }

  /** Resident memory in bytes. */
  rssBytes(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#child.pid}/status`);
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) * 1024;
  }

  /** A value of the default key-value store; undefined if there is none yet. */
  value(key: string): string | undefined {
    try {
      using database = new DatabaseSync(`${this.stateDir}/sqlite_key_value.db`, { readOnly: true });
      const row = database.prepare("SELECT value FROM spin_key_value WHERE key = ?").get(key);
      return row ? new TextDecoder().decode(row.value as Uint8Array) : undefined;
    } catch {
      // The program has not made it yet.
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill();
    } catch {
      // It has ended.
    }
    await this.code();
  }
}
