/**
 * The WAGI executor: a program that answers an HTTP request as CGI programs do, with the request in
 * its environment and standard input, and the response on its standard output.
 * Follows spin:crates/trigger-http/src/wagi.rs.
 *
 * @module
 */

import type { LogSink } from "../../imports/component_context.ts";
import type { RequestHead } from "../../imports/wasi_http.ts";
import type { Command } from "../command.ts";
import { UnusableResponse } from "../exchange.ts";
import { GuestFailure } from "../guest_failure.ts";
import type { HttpGuest } from "../http_guest.ts";
import type { SlowRequests } from "../slow_requests.ts";
import {
  bodyTooLong,
  joinBytes,
  MAX_WHOLE_BYTES,
  readRequestBody,
  sendWhole,
} from "../whole_message.ts";
import { parseCgiResponse } from "./cgi_response.ts";
import { DEFAULT_ARGV, wagiArguments, wagiEnvironment } from "./variables.ts";

/** What a {@link WagiGuest} is made from. */
export interface WagiGuestOptions {
  /** The component's id. */
  readonly component: string;
  readonly command: Command;
  /** The template of the arguments. Default: {@link DEFAULT_ARGV}. */
  readonly argv: string | undefined;
  readonly slow: SlowRequests;
  /** Milliseconds of CPU time that one request may use; 0: no limit. */
  readonly cpuLimitMs: number;
  /** The most that a program may write, in bytes. Default: {@link MAX_WHOLE_BYTES}. */
  readonly maxOutputBytes?: number;
}

/** Answers requests by running a command for each. */
export class WagiGuest implements HttpGuest {
  readonly #options: WagiGuestOptions;

  constructor(options: WagiGuestOptions) {
    this.#options = options;
  }

  async call(head: RequestHead, clientGone: () => AbortSignal): Promise<Response> {
    const { component } = this.#options;
    const body = await readRequestBody(head.body());
    if (!body) return bodyTooLong();
    const output = await this.#run(head, { body, clientGone });
    if (output.length === 0) {
      throw new GuestFailure(
        component,
        "is configured to use the WAGI executor but did not write to stdout. Check the " +
          "`executor` in spin.toml.",
      );
    }
    return await sendWhole(this.#parse(output), { component, isHead: head.method === "HEAD" });
  }

  #parse(output: Uint8Array): ReturnType<typeof parseCgiResponse> {
    try {
      return parseCgiResponse(output);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new UnusableResponse(this.#options.component, "headers that are not UTF-8");
    }
  }

  async #run(
    head: RequestHead,
    { body, clientGone }: { body: Uint8Array; clientGone: () => AbortSignal },
  ): Promise<Uint8Array> {
    const { component, command, argv = DEFAULT_ARGV, slow, cpuLimitMs } = this.#options;
    const stop = new AbortController();
    const stdout = new OutputBuffer(this.#options.maxOutputBytes ?? MAX_WHOLE_BYTES, stop);
    let isDone = false;
    slow.watch({
      onSlow() {
        if (isDone) return;
        const signal = clientGone();
        if (signal.aborted) stop.abort();
        else signal.addEventListener("abort", () => stop.abort(), { once: true });
      },
    });
    try {
      const code = await command.run({
        arguments: wagiArguments(argv, head.pathWithQuery),
        environment: wagiEnvironment(head, body.length),
        ...(body.length > 0 ? { stdin: ReadableStream.from([body]) } : {}),
        stdout,
        signal: stop.signal,
        cpuLimitMs,
      });
      if (code !== 0) throw new GuestFailure(component, `exited with code ${code}`);
      return stdout.take();
    } catch (error) {
      throw stdout.isFull
        ? new GuestFailure(component, `wrote more than ${stdout.maxBytes} bytes to stdout`)
        : error;
    } finally {
      isDone = true;
    }
  }
}

/** Keeps what a program writes, and stops the program when that becomes too much. */
class OutputBuffer implements LogSink {
  readonly maxBytes: number;
  isFull = false;
  readonly #stop: AbortController;
  #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(maxBytes: number, stop: AbortController) {
    this.maxBytes = maxBytes;
    this.#stop = stop;
  }

  write(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (this.#length <= this.maxBytes) {
      this.#chunks.push(bytes);
      return;
    }
    this.isFull = true;
    this.#chunks = [];
    this.#stop.abort();
  }

  take(): Uint8Array {
    return joinBytes(this.#chunks);
  }
}
