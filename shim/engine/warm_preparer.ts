/**
 * A process that prepares one component after the other. To load the binding generator, and to have it
 * compiled well, takes most of the time that preparing takes; while somebody edits an app that is done
 * once, and before there is anything to prepare.
 *
 * @module
 */

import { selfCommand } from "../../lib/self_command.ts";
import type { PrepareFailure } from "./prepare_main.ts";
import { runPrepareProcess } from "./prepare_process.ts";
import type { PrepareReply, PrepareRequest } from "./prepare_server.ts";

/** Keeps one process. Whoever makes it disposes it. */
export class WarmPreparer implements Disposable {
  #server: ServerProcess | undefined;
  #isBusy = false;
  #isDisposed = false;

  /**
   * Runs the mode `prepare`. Calls at once are fine; all but the first get a process of their own.
   * @returns Why it failed; undefined if it did not.
   */
  async run(args: readonly string[]): Promise<PrepareFailure | undefined> {
    if (this.#isBusy || this.#isDisposed) return await runPrepareProcess(args);
    this.#isBusy = true;
    try {
      const reply = await this.#start().ask({ args });
      if (reply) return reply.failure;
    } finally {
      this.#isBusy = false;
    }
    // It has ended, because it took much memory or by what it was asked. A fresh one does that.
    this.#stop();
    try {
      return await runPrepareProcess(args);
    } finally {
      this.warm(args[0]!);
    }
  }

  /** Has the process get ready for what is like the Wasm file `source`. */
  warm(source: string): void {
    if (!this.#server && !this.#isDisposed) this.#start().tell({ warm: source });
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#stop();
  }

  #start(): ServerProcess {
    return this.#server ??= new ServerProcess();
  }

  #stop(): void {
    this.#server?.[Symbol.dispose]();
    this.#server = undefined;
  }
}

/** The process: a line of JSON for each request, and one for each reply. */
class ServerProcess implements Disposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #replies: ReadableStreamDefaultReader<string>;

  constructor() {
    const [command, ...self] = selfCommand();
    this.#child = new Deno.Command(command, {
      args: [...self, "prepare", "--serve"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    // It must not keep the program running.
    this.#child.unref();
    this.#input = this.#child.stdin.getWriter();
    this.#replies = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** @returns undefined if the process has ended. */
  async ask(request: PrepareRequest): Promise<PrepareReply | undefined> {
    if (!await this.#send(request)) return undefined;
    let text = "";
    while (!text.endsWith("\n")) {
      const { done, value } = await this.#replies.read();
      if (done) return undefined;
      text += value;
    }
    return JSON.parse(text);
  }

  /** As {@link ask}, for requests that have no reply. */
  tell(request: PrepareRequest): void {
    // If it has ended, who asks next learns it.
    void this.#send(request);
  }

  [Symbol.dispose](): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }

  async #send(request: PrepareRequest): Promise<boolean> {
    try {
      await this.#input.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
      return true;
    } catch {
      return false;
    }
  }
}
