/**
 * gRPC over a Unix socket, as far as tests call containerd: one message there, one back.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { decodeMessage } from "../../shim/proto/decode.ts";
import { encodeMessage } from "../../shim/proto/encode.ts";
import type { MessageInit, MessageOf, MessageType } from "../../shim/proto/schema.ts";

/** A method: the path of its URL, and what goes there and back. */
export interface GrpcMethod<
  Request extends MessageType = MessageType,
  Response extends MessageType = MessageType,
> {
  readonly path: string;
  readonly request: Request;
  readonly response: Response;
}

/** The other side's answer is an error. The message is its own. */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  /** gRPC's number: 5 is NOT_FOUND. */
  readonly code: number;

  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

function throwStatus(headers: Readonly<Record<string, unknown>>): void {
  const code = Number(headers["grpc-status"] ?? 0);
  if (code === 0) return;
  throw new GrpcError(decodeURIComponent(String(headers["grpc-message"] ?? "")), code);
}

/** Milliseconds that kubelet gives a call by default. */
const DEADLINE_MS = 120_000;
/** One byte says whether the message is compressed, four how long it is. */
const PREFIX_BYTES = 5;

/** A connection, made by the first call and again after it broke. Whoever made it closes it. */
export class GrpcClient {
  readonly #socket: string;
  #session: ClientHttp2Session | undefined;

  /** @param socket Path of the Unix socket. */
  constructor(socket: string) {
    this.#socket = socket;
  }

  /**
   * Calls a method.
   * @throws {GrpcError} if that is the answer.
   * @throws {Error} if there is none within `timeoutMs` (default: two minutes).
   */
  async call<Request extends MessageType, Response extends MessageType>(
    method: GrpcMethod<Request, Response>,
    request: MessageInit<Request>,
    options: { timeoutMs?: number; metadata?: Readonly<Record<string, string>> } = {},
  ): Promise<MessageOf<Response>> {
    const message = encodeMessage(method.request, request);
    const frame = Buffer.alloc(PREFIX_BYTES + message.length);
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, PREFIX_BYTES);
    const stream = this.#connect().request({
      ":method": "POST",
      ":path": method.path,
      "content-type": "application/grpc",
      "te": "trailers",
      ...options.metadata,
    });
    const timer = setTimeout(
      () => stream.destroy(new Error(`${method.path} was not answered`)),
      options.timeoutMs ?? DEADLINE_MS,
    );
    try {
      const chunks: Buffer[] = [];
      const headers: Record<string, unknown> = {};
      await new Promise<void>((resolve, reject) => {
        // An answer without a message has the status in its first headers.
        stream.on("response", (first) => Object.assign(headers, first));
        stream.on("trailers", (last) => Object.assign(headers, last));
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", resolve);
        stream.on("error", reject);
        stream.on("close", () => reject(new Error(`${method.path} was broken off`)));
        stream.end(frame);
      });
      throwStatus(headers);
      const bytes = Buffer.concat(chunks);
      if (bytes.length < PREFIX_BYTES) throw new Error(`${method.path} was broken off`);
      return decodeMessage(method.response, new Uint8Array(bytes.subarray(PREFIX_BYTES)));
    } finally {
      clearTimeout(timer);
    }
  }

  #connect(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const session = connectHttp2("http://localhost", {
      createConnection: () => connect(this.#socket),
    });
    session.on("error", () => {
      // The call that is under way fails with the same error; the next one connects anew.
      if (this.#session === session) this.#session = undefined;
    });
    session.on("goaway", () => {
      if (this.#session === session) this.#session = undefined;
    });
    this.#session = session;
    return session;
  }

  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }
}
