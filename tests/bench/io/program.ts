/**
 * The program that is measured.
 *
 * @module
 */

import { DENO_FLAGS } from "../../../lib/self_command.ts";
import { PROGRAM_PATH } from "../../support/fixtures.ts";
import { waitUntil } from "../../support/wait.ts";

/** Where a program keeps things. */
export interface ProgramPlace {
  readonly cacheDir: string;
  readonly stateDir: string;
}

/** The command line of `up`. */
export function upCommand(from: string, place: ProgramPlace, args: readonly string[]): string[] {
  return [
    ...[Deno.execPath(), "run", ...DENO_FLAGS, PROGRAM_PATH, "up", "--from", from],
    ...["--cache-dir", place.cacheDir, "--state-dir", place.stateDir, "--quiet", ...args],
  ];
}

/** An app that runs, and tells how much it has done. Whoever started it disposes it. */
export class MeasuredApp implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #metricsUrl: string;

  private constructor(child: Deno.ChildProcess, metricsUrl: string) {
    this.#child = child;
    this.#metricsUrl = metricsUrl;
  }

  /** Starts `up` and waits until its metrics are served. */
  static async start(
    from: string,
    place: ProgramPlace,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<MeasuredApp> {
    const own = ["--metrics-address", "127.0.0.1:0", "--workers", "1"];
    const [program, ...rest] = upCommand(from, place, [...own, ...args]);
    const child = new Deno.Command(program!, {
      args: rest,
      env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    let text = "";
    void child.stderr.pipeThrough(new TextDecoderStream())
      .pipeTo(new WritableStream({ write: (chunk) => void (text += chunk) }));
    try {
      const url = await waitUntil(() => /^Metrics: (\S+)$/m.exec(text)?.[1], {
        what: "the app to start",
        timeoutMs: 60_000,
        explain: () => text,
      });
      return new MeasuredApp(child, url);
    } catch (error) {
      child.kill("SIGKILL");
      await child.status;
      throw error;
    }
  }

  /** Messages that components have handled well. */
  async handled(): Promise<number> {
    const text = await (await fetch(this.#metricsUrl)).text();
    const pattern = /^spinkube_trigger_messages_total\{.*result="ok"\} (\d+)$/gm;
    return [...text.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
  }
}
