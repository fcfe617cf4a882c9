/**
 * A process that serves an app, and what tests want to know of it.
 *
 * @module
 */

import { waitUntil } from "./wait.ts";

/** Milliseconds until an app has to serve; preparing a component is part of it. */
const START_MS = 60_000;
/** Milliseconds between SIGTERM and SIGKILL when a test is over. */
const STOP_MS = 5_000;

/** A program with its arguments. */
export interface ProcessCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** A serving process. Whoever started it disposes it: it is killed if it does not stop by itself. */
export class RunningApp {
  /** `http://127.0.0.1:40123`. */
  readonly baseUrl: string;
  readonly #child: Deno.ChildProcess;
  readonly #output: Output;
  #isOver = false;

  private constructor(child: Deno.ChildProcess, options: { baseUrl: string; output: Output }) {
    this.#child = child;
    this.baseUrl = options.baseUrl;
    this.#output = options.output;
    void child.status.then(() => this.#isOver = true);
  }

  /** Starts a process and waits for its announcement on stdout. */
  static async start(command: ProcessCommand, readsStderr: boolean): Promise<RunningApp> {
    const child = new Deno.Command(command.program, {
      args: [...command.args],
      env: { ...command.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = new Output(child, readsStderr);
    const hasEnded = child.status.then(() => undefined);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const isLate = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), START_MS);
    });
    const announcement = await Promise.race([output.announcement, hasEnded, isLate]);
    clearTimeout(timer);
    if (announcement === undefined) {
      kill(child, "SIGKILL");
      await child.status;
      await output.finished();
      throw new Error(`The app did not start:\n${output.stdout}${output.stderr}`);
    }
    const { base_url: baseUrl } = JSON.parse(announcement) as { base_url: string };
    return new RunningApp(child, { baseUrl, output });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get port(): number {
    return Number(new URL(this.baseUrl).port);
  }

  /** Everything the process has written to stderr so far. */
  get stderr(): string {
    return this.#output.stderr;
  }

  get stdout(): string {
    return this.#output.stdout;
  }

  /** Whether the process still runs. */
  get isUp(): boolean {
    return !this.#isOver;
  }

  /** How the process ends, once it does. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** A request to a path. The caller reads or cancels the body. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(this.baseUrl + path, { redirect: "manual", ...init });
  }

  /** Status and body of a path. */
  async get(path: string, init?: RequestInit): Promise<{ status: number; body: string }> {
    const response = await this.fetch(path, init);
    return { status: response.status, body: await response.text() };
  }

  /** Waits until stderr matches. @returns the match. */
  waitForStderr(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    return waitUntil(() => pattern.exec(this.stderr) ?? undefined, {
      what: `stderr to match ${pattern}`,
      timeoutMs,
      explain: () => this.stderr.slice(-2_000),
    });
  }

  /** Resident memory in bytes. */
  rssBytes(): number {
    return procNumber(this.pid, "VmRSS") * 1024;
  }

  /** Open file descriptors. */
  fileDescriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.pid}/fd`)].length;
  }

  /** Milliseconds of CPU time used so far, of all threads. */
  cpuMs(): number {
    const stat = Deno.readTextFileSync(`/proc/${this.pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // utime and stime, in ticks of 10 ms.
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  signal(signal: Deno.Signal): void {
    kill(this.#child, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => kill(this.#child, "SIGKILL"), STOP_MS);
    kill(this.#child, "SIGTERM");
    await this.#child.status;
    clearTimeout(timer);
    await this.#output.finished();
  }
}

/** What a child process writes. */
class Output {
  stdout = "";
  stderr = "";
  /** The first JSON document on stdout; undefined if stdout ends without. */
  readonly announcement: Promise<string | undefined>;
  readonly #child: Deno.ChildProcess;
  readonly #readsStderr: boolean;
  readonly #finished: Promise<void>[];

  constructor(child: Deno.ChildProcess, readsStderr: boolean) {
    this.#child = child;
    this.#readsStderr = readsStderr;
    const announced = Promise.withResolvers<string | undefined>();
    this.announcement = announced.promise;
    const stdout = collect(child.stdout, (text) => {
      this.stdout += text;
      if (this.stdout.endsWith("\n}\n")) announced.resolve(this.stdout);
    }).then(() => announced.resolve(undefined));
    this.#finished = [stdout];
    if (readsStderr) {
      this.#finished.push(collect(child.stderr, (text) => {
        this.stderr += text;
      }));
    }
  }

  /** Resolves when both pipes are at their end. */
  async finished(): Promise<void> {
    if (!this.#readsStderr && !this.#child.stderr.locked) await this.#child.stderr.cancel();
    await Promise.all(this.#finished);
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended already.
  }
}

function procNumber(pid: number, field: string): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? Number.NaN);
}
