/**
 * The OpenTelemetry protocol over gRPC: one unary call for each message, on one HTTP/2 connection.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { encodeMessage } from "../proto/encode.ts";
import type { MessageInit, MessageType } from "../proto/schema.ts";
import { NotTaken } from "./otlp_client.ts";
import type { Receiver } from "./settings.ts";

/** Status codes after which the protocol lets a client try again. */
const TEMPORARY_CODES: readonly string[] = ["1", "4", "8", "10", "11", "14", "15"];

const REQUEST = /^(opentelemetry\.proto\.collector\.\w+\.v1)\.Export(\w+)ServiceRequest$/;

/** Sends messages to one server; connects when there is one to send. The owner closes it. */
export class GrpcSender {
  readonly #receiver: Receiver;
  #session: ClientHttp2Session | undefined;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  /** @throws {NotTaken} by rejection. */
  async send<M extends MessageType>(type: M, message: MessageInit<M>): Promise<void> {
    const body = encodeMessage(type, message);
    const frame = Buffer.alloc(5 + body.length);
    frame.writeUInt32BE(body.length, 1);
    frame.set(body, 5);
    const stream = this.#connect().request({
      ":method": "POST",
      ":path": pathOf(type.name),
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": `${this.#receiver.timeoutMs}m`,
      ...this.#receiver.headers,
    });
    await this.#answer(stream, frame);
  }

  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  #answer(stream: ClientHttp2Stream, frame: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      let status: unknown;
      let text: unknown;
      function note(headers: Record<string, unknown>): void {
        status ??= headers["grpc-status"];
        text ??= headers["grpc-message"];
      }
      function fail(reason: string, isTemporary: boolean): void {
        reject(new NotTaken(reason, { isTemporary }));
      }
      const timer = setTimeout(() => {
        fail(`no answer within ${this.#receiver.timeoutMs} ms`, true);
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }, this.#receiver.timeoutMs);
      stream.on("response", note);
      stream.on("trailers", note);
      stream.on("error", (error) => fail(error.message, true));
      stream.on("close", () => {
        clearTimeout(timer);
        if (status === "0") return resolve();
        if (status === undefined) return fail("the connection was closed without an answer", true);
        fail(
          `it answered with status ${status}${text ? ` (${text})` : ""}`,
          TEMPORARY_CODES.includes(String(status)),
        );
      });
      // What a successful answer says does not matter.
      stream.resume();
      stream.end(frame);
    });
  }

  #connect(): ClientHttp2Session {
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return this.#session;
    const session = http2.connect(new URL(this.#receiver.url).origin);
    // Each call on it fails by itself, and tells.
    session.on("error", () => {});
    session.unref();
    return this.#session = session;
  }
}

/** `…trace.v1.ExportTraceServiceRequest` → `/…trace.v1.TraceService/Export`. */
function pathOf(type: string): string {
  const [, package_, name] = REQUEST.exec(type)!;
  return `/${package_}.${name}Service/Export`;
}
