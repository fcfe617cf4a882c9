/**
 * Calls containerd: gRPC over its Unix socket, as far as it takes to read what containerd knows.
 *
 * It is done with `fetch`: a shim is on the way of every pod's start, and `node:http2` alone takes
 * more time and memory to load than everything else it does (45 ms and 14 MB, against 8 ms and 5 MB).
 * `fetch` does not show trailers. That is enough here: containerd sends an error that comes instead
 * of a message with the headers, and what is read in several messages has a known size and digest.
 *
 * @module
 */

import { callLater } from "../../lib/timer.ts";
import { fetchErrorText } from "../../lib/fetch_error.ts";
import { decodeMessage } from "../proto/decode.ts";
import { encodeMessage } from "../proto/encode.ts";
import type { MessageInit, MessageOf, MessageType } from "../proto/schema.ts";

/** A method: the path of its URL, and what goes there and back. */
export interface GrpcMethod<
  Request extends MessageType = MessageType,
  Response extends MessageType = MessageType,
> {
  readonly path: string;
  readonly request: Request;
  readonly response: Response;
}

/** What containerd answered instead of a message. */
export class ContainerdError extends Error {
  override readonly name = "ContainerdError";
  /** gRPC's number: 5 is `NOT_FOUND`. */
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

const NOT_FOUND = 5;

/** Whether containerd answered that there is no such thing. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ContainerdError && error.code === NOT_FOUND;
}

/** Milliseconds without any byte after which a call is given up. */
const IDLE_MS = 30_000;
/** One byte says whether the message is compressed, four how long it is. */
const PREFIX_BYTES = 5;
/** containerd sends at most 16 MiB in one message. */
const MAX_MESSAGE_BYTES = 20 << 20;

/** A connection to containerd for one namespace. Whoever made it closes it. */
export class ContainerdClient implements Disposable {
  readonly #address: string;
  readonly #namespace: string;
  #client: Deno.HttpClient | undefined;

  /** @param address Path of the socket, with or without `unix://`. Connects at the first call. */
  constructor(address: string, options: { namespace: string }) {
    this.#address = address.replace(/^unix:\/\//, "");
    this.#namespace = options.namespace;
  }

  /** The same containerd, seen from another namespace; a connection of its own. */
  withNamespace(namespace: string): ContainerdClient {
    return new ContainerdClient(this.#address, { namespace });
  }

  /**
   * Calls a method that has one answer.
   * @throws {ContainerdError} if containerd answers with an error.
   * @throws {Error} if it cannot be reached or does not answer.
   */
  async call<Request extends MessageType, Response extends MessageType>(
    method: GrpcMethod<Request, Response>,
    request: MessageInit<Request>,
  ): Promise<MessageOf<Response>> {
    for await (const answer of this.stream(method, request)) return answer;
    throw this.#explain(new Error("the answer is empty"), method);
  }

  /**
   * Calls a method that has any number of answers. Leaving the loop ends the call. An error after the
   * first answer ends the loop as if that were all: whoever reads has to know how much there is.
   *
   * @throws As {@link call}.
   */
  async *stream<Request extends MessageType, Response extends MessageType>(
    method: GrpcMethod<Request, Response>,
    request: MessageInit<Request>,
  ): AsyncGenerator<MessageOf<Response>> {
    using idle = new IdleLimit(IDLE_MS);
    try {
      const response = await this.#post(method.path, {
        body: frame(encodeMessage(method.request, request)),
        signal: idle.signal,
      });
      checkStatus(response);
      for await (const message of splitMessages(idle.watch(response.body ?? []))) {
        yield decodeMessage(method.response, message);
      }
    } catch (error) {
      throw this.#explain(error, method);
    }
  }

  /** Ends the connection, and with it the calls that are under way. */
  [Symbol.dispose](): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #post(
    path: string,
    { body, signal }: { body: Uint8Array<ArrayBuffer>; signal: AbortSignal },
  ): Promise<Response> {
    this.#client ??= createUnixClient(this.#address);
    return await fetch(`http://containerd${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/grpc",
        "te": "trailers",
        "containerd-namespace": this.#namespace,
      },
      body,
      signal,
      client: this.#client,
    });
  }

  #explain(error: unknown, { path }: GrpcMethod): Error {
    if (error instanceof ContainerdError) return error;
    return new Error(
      `Cannot call containerd's ${path.slice(1)} at "${this.#address}": ${fetchErrorText(error)}`,
      { cause: error },
    );
  }
}

/** Variables that name hosts which are reached without a proxy. */
const NO_PROXY = ["NO_PROXY", "no_proxy"] as const;

/**
 * A client of `fetch` for a socket. To Deno that is a proxy, and so `NO_PROXY=*`, which a node's
 * containerd may well have, would send the calls to DNS instead. It is looked at when the client is
 * made, and has to be out of the way for that moment.
 */
function createUnixClient(path: string): Deno.HttpClient {
  const saved = NO_PROXY.map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const name of NO_PROXY) Deno.env.delete(name);
    return Deno.createHttpClient({ http1: false, http2: true, proxy: { transport: "unix", path } });
  } finally {
    for (const [name, value] of saved) if (value !== undefined) Deno.env.set(name, value);
  }
}

/** Gives a call up when nothing has come for a while. */
class IdleLimit implements Disposable {
  readonly #controller = new AbortController();
  readonly #limitMs: number;
  #cancel: () => void;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    this.#cancel = this.#start();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async *watch(chunks: AsyncIterable<Uint8Array> | Uint8Array[]): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#cancel();
      yield chunk;
      this.#cancel = this.#start();
    }
  }

  [Symbol.dispose](): void {
    this.#cancel();
    // What nobody reads any more must not stay in containerd's way.
    this.#controller.abort();
  }

  #start(): () => void {
    const error = new Error(`nothing has come for ${this.#limitMs} ms`);
    return callLater(() => this.#controller.abort(error), this.#limitMs);
  }
}

function checkStatus({ status, headers }: Response): void {
  const code = headers.get("grpc-status");
  if (code !== null && code !== "0") {
    throw new ContainerdError(decodePercent(headers.get("grpc-message") ?? ""), Number(code));
  }
  const type = headers.get("content-type") ?? "";
  if (status === 200 && type.startsWith("application/grpc")) return;
  throw new Error(`the answer is no gRPC: status ${status}, content type "${type}"`);
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not what gRPC asks for; it is still the best there is to show.
    return text;
  }
}

function frame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}

/** The messages in a stream of bytes; each may be kept. */
async function* splitMessages(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let needed = PREFIX_BYTES;
  for await (const chunk of chunks) {
    parts.push(chunk);
    length += chunk.length;
    while (length >= needed) {
      const bytes = joined(parts, length);
      needed = PREFIX_BYTES + messageSize(bytes);
      parts = [bytes];
      if (length < needed) break;
      yield bytes.subarray(PREFIX_BYTES, needed);
      parts = [bytes.subarray(needed)];
      length -= needed;
      needed = PREFIX_BYTES;
    }
  }
  if (length > 0) throw new Error("the answer is cut off");
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function messageSize(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, PREFIX_BYTES);
  const size = view.getUint32(1);
  if (view.getUint8(0) !== 0) throw new Error("the answer is compressed, which was not asked for");
  if (size > MAX_MESSAGE_BYTES) throw new Error(`the answer has a message of ${size} bytes`);
  return size;
}
