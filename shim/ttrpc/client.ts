/**
 * A ttrpc client: calls over one connection, many at a time.
 *
 * @module
 */

import { callLater } from "../../lib/timer.ts";
import { decodeMessage } from "../proto/decode.ts";
import { encodeMessage } from "../proto/encode.ts";
import { REQUEST, RESPONSE, type Response } from "../proto/ttrpc.ts";
import { errorText } from "../../lib/errors.ts";
import { FrameConnection } from "./_connection.ts";
import { connect } from "./address.ts";
import { type Frame, FRAME_TYPE, MAX_MESSAGE_BYTES, oversizeText } from "./frame.ts";
import {
  type Metadata,
  type MethodType,
  type RequestInitOf,
  type ResponseOf,
  writeMetadata,
} from "./method.ts";
import { errorOfStatus, StatusError } from "./status.ts";

/** A method of a service, with its names. */
export interface RemoteMethod<M extends MethodType = MethodType> {
  /** Full name: `containerd.task.v2.Task`. */
  readonly service: string;
  readonly method: string;
  readonly type: M;
}

/** Settings of one call. */
export interface CallOptions {
  /** The server is told, and the call fails with `DEADLINE_EXCEEDED` here. Default: no limit. */
  readonly timeoutMs?: number;
  readonly metadata?: Metadata;
  /** Gives the call up; the server is not told, as the protocol has no way. */
  readonly signal?: AbortSignal;
}

/** The connection is gone: the call may have been carried out or not. */
export class ConnectionLostError extends Error {
  override readonly name = "ConnectionLostError";
}

interface WaitingCall {
  resolve(response: Response): void;
  reject(error: Error): void;
}

const MAX_STREAM_ID = 0xffffffff;

/** A connection to a ttrpc server. When it breaks, the owner makes a new one. */
export class TtrpcClient implements Disposable {
  readonly #connection: FrameConnection;
  readonly #calls = new Map<number, WaitingCall>();
  #nextStreamId = 1;
  #lost: ConnectionLostError | undefined;

  /** Resolves when the connection has ended, for whatever reason; the calls have failed by then. */
  readonly closed: Promise<void>;

  /** @param conn A connection of its own, which it closes. */
  constructor(conn: Deno.Conn) {
    this.#connection = new FrameConnection(conn);
    this.closed = this.#run();
  }

  /**
   * Connects to a server. The caller closes the client.
   * @throws By rejection, what {@link connect} throws.
   */
  static async connect(address: string): Promise<TtrpcClient> {
    return new TtrpcClient(await connect(address));
  }

  /**
   * Calls a method.
   *
   * @throws {StatusError} by rejection, if the server says so, if time is over, or if one of the
   *   messages is too long.
   * @throws {ConnectionLostError} by rejection, if the connection ends before the answer.
   * @throws {DecodeError} by rejection, if the answer is no message of the method's type.
   * @throws By rejection, the reason of `signal`.
   */
  async call<M extends MethodType>(
    { service, method, type }: RemoteMethod<M>,
    request: RequestInitOf<M>,
    { timeoutMs, metadata, signal }: CallOptions = {},
  ): Promise<ResponseOf<M>> {
    signal?.throwIfAborted();
    const data = encodeMessage(REQUEST, {
      service,
      method,
      payload: encodeMessage(type.request, request),
      // Less than a nanosecond is no limit on the wire.
      timeoutNano: timeoutMs === undefined ? 0n : BigInt(Math.max(1, Math.round(timeoutMs * 1e6))),
      metadata: metadata && writeMetadata(metadata),
    });
    const { status, payload } = await this.#send(data, timeoutMs, signal);
    if (status && status.code !== 0) throw errorOfStatus(status);
    return decodeMessage<M["response"]>(type.response, payload);
  }

  async #send(data: Uint8Array, timeoutMs?: number, signal?: AbortSignal): Promise<Response> {
    if (this.#lost) throw this.#lost;
    if (data.length > MAX_MESSAGE_BYTES) {
      throw new StatusError("RESOURCE_EXHAUSTED", oversizeText(data.length));
    }
    const streamId = this.#takeStreamId();
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const cancel = timeoutMs === undefined ? undefined : callLater(() => {
      reject(new StatusError("DEADLINE_EXCEEDED", "context deadline exceeded"));
    }, timeoutMs);
    const abort = () => reject(signal!.reason);
    signal?.addEventListener("abort", abort);
    this.#calls.set(streamId, { resolve, reject });
    try {
      this.#connection.send({ streamId, type: FRAME_TYPE.request, data });
      return await promise;
    } finally {
      // An answer that comes later belongs to nobody, and is ignored.
      this.#calls.delete(streamId);
      cancel?.();
      signal?.removeEventListener("abort", abort);
    }
  }

  #takeStreamId(): number {
    const streamId = this.#nextStreamId;
    if (streamId > MAX_STREAM_ID) {
      this.#lose("its two thousand million calls are used up");
      throw this.#lost!;
    }
    this.#nextStreamId += 2;
    return streamId;
  }

  async #run(): Promise<void> {
    try {
      await this.#connection.read((frame) => this.#take(frame));
      this.#lose("it was closed");
    } catch (error) {
      this.#lose(errorText(error));
    }
  }

  #take({ streamId, type, length, data }: Frame): void {
    const call = this.#calls.get(streamId);
    if (!call) return;
    if (length > MAX_MESSAGE_BYTES) {
      call.reject(new StatusError("RESOURCE_EXHAUSTED", oversizeText(length)));
    } else if (type !== FRAME_TYPE.response) {
      call.reject(new StatusError("INTERNAL", `The answer is a frame of type ${type}`));
    } else {
      try {
        call.resolve(decodeMessage(RESPONSE, data));
      } catch (error) {
        call.reject(error as Error);
      }
    }
  }

  #lose(why: string): void {
    this.#lost ??= new ConnectionLostError(`The connection to the ttrpc server is gone: ${why}`);
    this.#connection.close();
    for (const call of this.#calls.values()) call.reject(this.#lost);
  }

  /** Ends the connection; calls under way fail. May be called twice. */
  close(): void {
    this.#lose("it was closed");
  }

  /** Same as {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
