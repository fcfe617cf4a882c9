/**
 * The operator as a process of its own.
 *
 * @module
 */

import { SMALL_DENO_FLAGS } from "../../lib/self_command.ts";
import { PROGRAM_PATH } from "../support/fixtures.ts";
import { waitUntil } from "../support/wait.ts";

/** Milliseconds that it may take to start or to end on a busy machine. */
const PATIENCE_MS = 60_000;

/** A running operator. Whoever started it disposes it. */
export class OperatorProcess {
  readonly probes: string;
  readonly metrics: string;
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  #log = "";

  private constructor(child: Deno.ChildProcess, addresses: { probes: string; metrics: string }) {
    this.#child = child;
    this.probes = `http://${addresses.probes}`;
    this.metrics = `https://${addresses.metrics}`;
    this.#reading = this.#read(child.stderr);
  }

  /** Starts it and waits until its probes are answered. */
  static async start(
    { kubeconfig, program = PROGRAM_PATH, args = [], env = {} }: {
      kubeconfig: string;
      /** Main module of the program; default: the source. */
      program?: string;
      args?: readonly string[];
      env?: Readonly<Record<string, string>>;
    },
  ): Promise<OperatorProcess> {
    const addresses = { probes: `127.0.0.1:${freePort()}`, metrics: `127.0.0.1:${freePort()}` };
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", ...SMALL_DENO_FLAGS, program, "controller", "--kubeconfig", kubeconfig],
        ...["--health-probe-bind-address", addresses.probes],
        ...["--metrics-bind-address", addresses.metrics, ...args],
      ],
      env: { POD_NAMESPACE: "default", ...env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const operator = new OperatorProcess(child, addresses);
    await operator.until(async () => (await fetchText(`${operator.probes}/healthz`)) === "ok");
    return operator;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it has logged so far. */
  get log(): string {
    return this.#log;
  }

  /** Waits until something is so. @throws {Error} with the log, if that takes too long. */
  async until(look: () => boolean | Promise<boolean>): Promise<void> {
    await waitUntil(look, {
      what: "the operator",
      timeoutMs: PATIENCE_MS,
      explain: () => this.#log,
    });
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** How it ended. */
  async ended(): Promise<Deno.CommandStatus> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    const status = await this.#child.status;
    clearTimeout(timer);
    await this.#reading;
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.ended();
  }

  async #read(stderr: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stderr.pipeThrough(new TextDecoderStream())) this.#log += text;
  }
}

/** The body of an answer; undefined while nobody listens. */
export async function fetchText(url: string, init?: RequestInit): Promise<string | undefined> {
  try {
    return await (await fetch(url, init)).text();
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
