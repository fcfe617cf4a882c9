/**
 * Sends one message of the OpenTelemetry protocol.
 *
 * @module
 */

import { fetchErrorText } from "../../lib/fetch_error.ts";
import { encodeMessage } from "../proto/encode.ts";
import type { MessageInit, MessageType } from "../proto/schema.ts";
import type { Receiver } from "./settings.ts";

/** The receiver did not take a message. */
export class NotTaken extends Error {
  override readonly name = "NotTaken";
  /** Whether it may take the same message later. */
  readonly isTemporary: boolean;

  constructor(message: string, options: ErrorOptions & { isTemporary: boolean }) {
    super(message, options);
    this.isTemporary = options.isTemporary;
  }
}

/** HTTP statuses after which the protocol lets a client try again. */
const TEMPORARY_STATUSES: readonly number[] = [429, 502, 503, 504];

/** Sends messages. @throws {NotTaken} by rejection. */
export type SendMessage = <M extends MessageType>(
  type: M,
  message: MessageInit<M>,
) => Promise<void>;

/** A sender for a receiver. Its code is loaded by the first message. */
export function createSender(receiver: Receiver): { send: SendMessage; close(): void } {
  if (receiver.protocol !== "grpc") {
    return { send: (type, message) => post(receiver, type, message), close() {} };
  }
  let sender: Promise<import("./otlp_grpc.ts").GrpcSender> | undefined;
  async function load(): Promise<import("./otlp_grpc.ts").GrpcSender> {
    const { GrpcSender } = await import("./otlp_grpc.ts");
    return new GrpcSender(receiver);
  }
  return {
    send: async (type, message) => await (await (sender ??= load())).send(type, message),
    close() {
      void sender?.then((loaded) => loaded.close());
    },
  };
}

async function post<M extends MessageType>(
  receiver: Receiver,
  type: M,
  message: MessageInit<M>,
): Promise<void> {
  const isJson = receiver.protocol === "http/json";
  const body = isJson
    ? (await import("./json.ts")).encodeJson(type, message)
    : encodeMessage(type, message) as Uint8Array<ArrayBuffer>;
  let response: Response;
  try {
    response = await fetch(receiver.url, {
      method: "POST",
      headers: {
        ...receiver.headers,
        "content-type": isJson ? "application/json" : "application/x-protobuf",
      },
      body,
      signal: AbortSignal.timeout(receiver.timeoutMs),
    });
  } catch (error) {
    throw new NotTaken(fetchErrorText(error), { cause: error, isTemporary: true });
  }
  await response.body?.cancel();
  if (response.ok) return;
  throw new NotTaken(`it answered with status ${response.status}`, {
    isTemporary: TEMPORARY_STATUSES.includes(response.status),
  });
}
