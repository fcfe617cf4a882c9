/**
 * Load on an HTTP server: what a generator measures, and the choice of one.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseWrk } from "./wrk.ts";

/** What one run of a generator measured. */
export interface LoadResult {
  /** Answers that came in full. */
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Median latency in milliseconds. */
  readonly p50Ms: number;
  /** 99th percentile of the latency in milliseconds. */
  readonly p99Ms: number;
  /** Answers with another status than 2xx (or 3xx, which wrk does not tell apart). */
  readonly badStatuses: number;
  /** Connections refused or broken, and requests without an answer in time. */
  readonly socketErrors: number;
}

/** One run. */
export interface LoadRun {
  /** `http://127.0.0.1:3000/` */
  readonly url: string;
  /** Connections kept open; each has one request in flight at a time. */
  readonly connections: number;
  readonly seconds: number;
  /** Stops the generator; the run is rejected with the signal's reason. */
  readonly signal: AbortSignal;
}

/** Runs load in a process of its own. */
export interface LoadGenerator {
  readonly name: string;
  /** @throws {Error} if the generator itself fails; failed requests are counted, not thrown. */
  run(run: LoadRun): Promise<LoadResult>;
}

/** Seconds after which a request without an answer counts as an error. */
const REQUEST_TIMEOUT_SECONDS = 10;

/** Options of {@link createLoadGenerator}. */
export interface LoadGeneratorOptions {
  /** Use `wrk`; without it, the generator of this folder. */
  readonly hasWrk: boolean;
  /** Put before the command, to keep it on a CPU: `["taskset", "-c", "1"]`. */
  readonly prefix: readonly string[];
}

/** `wrk`, or a generator in TypeScript, which takes more CPU itself and so shows lower figures. */
export function createLoadGenerator({ hasWrk, prefix }: LoadGeneratorOptions): LoadGenerator {
  if (!hasWrk) {
    const script = fileURLToPath(new URL("./tcp_load_main.ts", import.meta.url));
    return {
      name: "the built-in generator",
      run: async ({ url, connections, seconds, signal }) => {
        const args = [url, connections, seconds, REQUEST_TIMEOUT_SECONDS].map(String);
        const command = [...prefix, Deno.execPath(), "run", "-A", "--quiet", script, ...args];
        return JSON.parse(await output(command, signal));
      },
    };
  }
  return {
    name: "wrk",
    run: async ({ url, connections, seconds, signal }) => {
      const numbers = [
        `-c${connections}`,
        `-d${seconds}s`,
        `--timeout=${REQUEST_TIMEOUT_SECONDS}s`,
      ];
      const command = [...prefix, "wrk", "-t1", ...numbers, "--latency", url];
      return parseWrk(await output(command, signal));
    },
  };
}

async function output(command: readonly string[], signal: AbortSignal): Promise<string> {
  const [program, ...args] = command;
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal,
  }).output();
  signal.throwIfAborted();
  if (code === 0) return new TextDecoder().decode(stdout);
  const text = new TextDecoder().decode(stderr).trim() || new TextDecoder().decode(stdout).trim();
  throw new Error(`The load generator "${command.join(" ")}" ended with ${code}: ${text}`);
}
