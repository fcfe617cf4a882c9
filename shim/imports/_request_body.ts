/**
 * The body of an outbound request: how it is framed, and how it gets to the connection.
 *
 * @module
 */

import { once } from "node:events";
import type { ClientRequest } from "node:http";
import { setImmediate } from "node:timers";
import type { HttpErrorCode } from "./http_error_code.ts";

/** Bytes that may be collected before the request is sent: 64 KiB. */
const MAX_COLLECTED_BYTES = 1 << 16;

/** A body on its way. */
export interface RequestBody {
  /** The headers that frame the body; none if the guest's own do. */
  readonly framing: readonly (readonly [string, string])[];
  /**
   * Writes the body as fast as the connection takes it, and ends the request. A body that fails, or
   * is not as long as its headers say, destroys the request with the error.
   */
  sendTo(request: ClientRequest): Promise<void>;
  /** Lets go of the guest's stream. May be called at any time, and again. */
  close(): void;
}

/** What is known of a body after a first look at it. */
interface Start {
  readonly chunks: readonly Uint8Array[];
  readonly isComplete: boolean;
  /** The read that has not been answered yet. */
  readonly pending: Promise<ReadableStreamReadResult<Uint8Array>> | undefined;
}

/**
 * Takes what the guest has already written: a body that is complete is sent with its length, which
 * every server understands; any other is sent in chunks.
 * @throws {HttpErrorCode} `HTTP-request-body-size` if the guest's `content-length` is not a number.
 */
export async function openRequestBody(
  stream: ReadableStream<Uint8Array> | undefined,
  message: {
    readonly method: string;
    readonly headers: readonly (readonly [string, Uint8Array])[];
  },
): Promise<RequestBody> {
  const declared = declaredLength(message.headers);
  if (!stream) {
    checkLength(0, { declared, isComplete: true });
    return {
      framing: lengthFraming(0, { declared, method: message.method }),
      sendTo: (request) => {
        request.end();
        return Promise.resolve();
      },
      close() {},
    };
  }
  const reader = stream.getReader();
  const start = await readStart(reader);
  const collected = start.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const framing = start.isComplete
    ? lengthFraming(collected, { declared, method: message.method })
    : declared === undefined
    ? [["transfer-encoding", "chunked"]] as const
    : [];
  return {
    framing,
    sendTo: (request) => send(request, { reader, start, declared }),
    close() {
      // The guest that writes into a cancelled stream learns it from the stream itself.
      reader.cancel().catch(() => {});
    },
  };
}

function declaredLength(
  headers: readonly (readonly [string, Uint8Array])[],
): number | undefined {
  const values = headers.filter(([name]) => name.toLowerCase() === "content-length");
  if (values.length === 0) return undefined;
  const text = new TextDecoder().decode(values[0]![1]);
  // Two lengths, or none that everybody reads alike, would let a request hide in a body.
  if (values.length > 1 || !/^\d{1,15}$/.test(text)) {
    throw { tag: "HTTP-request-body-size" } satisfies HttpErrorCode;
  }
  return Number(text);
}

function lengthFraming(
  length: number,
  options: { declared: number | undefined; method: string },
): readonly (readonly [string, string])[] {
  if (options.declared !== undefined) return [];
  const expectsBody = ["POST", "PUT", "PATCH"].includes(options.method);
  return length > 0 || expectsBody ? [["content-length", String(length)]] : [];
}

/** @throws {HttpErrorCode} if `length` bytes cannot be what was declared. */
function checkLength(
  length: number,
  options: { declared: number | undefined; isComplete: boolean },
): void {
  const { declared, isComplete } = options;
  if (declared === undefined || length === declared || (!isComplete && length < declared)) return;
  throw { tag: "HTTP-request-body-size", val: BigInt(length) } satisfies HttpErrorCode;
}

/** Reads as long as chunks are there, but does not wait for the guest to write more. */
async function readStart(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Start> {
  const chunks: Uint8Array[] = [];
  const turn = Promise.withResolvers<undefined>();
  const immediate = setImmediate(() => turn.resolve(undefined));
  try {
    for (let bytes = 0; bytes < MAX_COLLECTED_BYTES;) {
      const pending = reader.read();
      // Observed again by whoever sends the body; until then its failure is nobody's.
      pending.catch(() => {});
      const result = await Promise.race([pending, turn.promise]);
      if (!result) return { chunks, isComplete: false, pending };
      if (result.done) return { chunks, isComplete: true, pending: undefined };
      chunks.push(result.value);
      bytes += result.value.length;
    }
    return { chunks, isComplete: false, pending: undefined };
  } finally {
    clearImmediate(immediate);
  }
}

async function send(
  request: ClientRequest,
  body: {
    reader: ReadableStreamDefaultReader<Uint8Array>;
    start: Start;
    declared: number | undefined;
  },
): Promise<void> {
  const { reader, start, declared } = body;
  let sent = 0;

  async function write(chunk: Uint8Array): Promise<void> {
    sent += chunk.length;
    checkLength(sent, { declared, isComplete: false });
    if (!request.write(chunk)) await drained(request);
  }

  try {
    for (const chunk of start.chunks) await write(chunk);
    if (!start.isComplete) {
      let next = await (start.pending ?? reader.read());
      while (!next.done && !request.destroyed) {
        await write(next.value);
        next = await reader.read();
      }
    }
    if (request.destroyed) return;
    checkLength(sent, { declared, isComplete: true });
    request.end();
  } catch (error) {
    request.destroy(error instanceof Error ? error : new Error("body", { cause: error }));
  }
}

/** Resolves when the request takes bytes again, or never will. */
async function drained(request: ClientRequest): Promise<void> {
  const stop = new AbortController();
  try {
    await Promise.race([
      once(request, "drain", { signal: stop.signal }),
      once(request, "close", { signal: stop.signal }),
    ]);
  } finally {
    stop.abort();
  }
}
