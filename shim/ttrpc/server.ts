/**
 * A ttrpc server, for calls with one request and one response.
 *
 * Answers what Go's library answers, codes and texts included, so that clients of containerd cannot
 * tell them apart.
 *
 * @module
 */

import { callLater, sleep } from "../../lib/timer.ts";
import { decodeMessage } from "../proto/decode.ts";
import { encodeMessage } from "../proto/encode.ts";
import type { MessageInit } from "../proto/schema.ts";
import { REQUEST, type Request, RESPONSE } from "../proto/ttrpc.ts";
import { errorText } from "../../lib/errors.ts";
import { FrameConnection } from "./_connection.ts";
import { type Call, RunningCall } from "./call.ts";
import { type Frame, FRAME_TYPE, MAX_MESSAGE_BYTES, oversizeText } from "./frame.ts";
import type { MethodType, RequestOf, ResponseInitOf } from "./method.ts";
import { StatusError, statusOf } from "./status.ts";

/** A method as the server calls it: from the bytes of a request to those of the response. */
export type Method = (payload: Uint8Array, call: Call) => Promise<Uint8Array>;

/** Something went wrong that no caller is told of. */
export interface ServerFault {
  /** What the server was doing. */
  readonly doing: "accepting" | "receiving";
  readonly error: unknown;
}

/** Settings of a server. */
export interface TtrpcServerOptions {
  /** Is told of faults. Default: nobody is, and the server goes on just the same. */
  readonly report?: (fault: ServerFault) => void;
}

/** A method of `type` that `handle` answers. What it throws is sent as a status. */
export function unary<M extends MethodType>(
  type: M,
  handle: (request: RequestOf<M>, call: Call) => ResponseInitOf<M> | Promise<ResponseInitOf<M>>,
): Method {
  return async (payload, call) => {
    return encodeMessage(type.response, await handle(readPayload(type, payload), call));
  };
}

function readPayload<M extends MethodType>(type: M, payload: Uint8Array): RequestOf<M> {
  try {
    return decodeMessage<M["request"]>(type.request, payload);
  } catch (error) {
    const text = `ttrpc: error unmarshalling payload: ${errorText(error)}`;
    throw new StatusError("INTERNAL", text, { cause: error });
  }
}

/** Waits before accepting again after a failure; doubled each time, up to a second. */
const FIRST_ACCEPT_DELAY_MS = 5;

/** A server. Calls run at once and are answered as they finish, on all connections. */
export class TtrpcServer {
  readonly #services = new Map<string, ReadonlyMap<string, Method>>();
  readonly #listeners = new Set<Deno.UnixListener>();
  readonly #clients = new Set<ClientConnection>();
  readonly #report: (fault: ServerFault) => void;
  #onIdle: (() => void) | undefined;
  #isShutDown = false;

  constructor({ report = () => {} }: TtrpcServerOptions = {}) {
    this.#report = report;
  }

  /** How many clients are connected. */
  get connectionCount(): number {
    return this.#clients.size;
  }

  /**
   * Adds a service.
   * @param methods By name: `State`.
   * @throws {TypeError} if there is a service of this name.
   */
  register(service: string, methods: Readonly<Record<string, Method>>): void {
    if (this.#services.has(service)) throw new TypeError(`Service ${service} is registered twice`);
    this.#services.set(service, new Map(Object.entries(methods)));
  }

  /**
   * Accepts connections until the server is shut down. May be called for several listeners; closes
   * the listener at the end.
   */
  async serve(listener: Deno.UnixListener): Promise<void> {
    this.#listeners.add(listener);
    for (let delayMs = FIRST_ACCEPT_DELAY_MS; !this.#isShutDown;) {
      try {
        void this.#serveClient(await listener.accept());
        delayMs = FIRST_ACCEPT_DELAY_MS;
      } catch (error) {
        if (this.#isShutDown) break;
        // Too many open files, usually: the connections that exist have to go on.
        this.#report({ doing: "accepting", error });
        await sleep(delayMs);
        delayMs = Math.min(1000, delayMs * 2);
      }
    }
    this.#closeListener(listener);
  }

  async #serveClient(conn: Deno.Conn): Promise<void> {
    const client = new ClientConnection(conn, this.#services);
    this.#clients.add(client);
    try {
      await client.run();
    } catch (error) {
      // Only this client is concerned.
      this.#report({ doing: "receiving", error });
    } finally {
      this.#clients.delete(client);
      if (this.#clients.size === 0) this.#onIdle?.();
    }
  }

  #closeListener(listener: Deno.UnixListener): void {
    if (this.#listeners.delete(listener)) listener.close();
  }

  /**
   * Stops accepting connections, closes each one when it has no call left, and resolves when all are
   * closed. Answers that are ready are still sent.
   *
   * @param graceMs After this time, connections are closed with calls under way.
   */
  async shutdown({ graceMs }: { readonly graceMs: number }): Promise<void> {
    this.#isShutDown = true;
    for (const listener of this.#listeners) this.#closeListener(listener);
    if (this.#clients.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const cancel = callLater(() => {
      for (const client of this.#clients) client.close();
    }, graceMs);
    for (const client of this.#clients) client.closeWhenIdle();
    await promise;
    cancel();
  }
}

/** One client of the server. */
class ClientConnection {
  readonly #connection: FrameConnection;
  readonly #services: ReadonlyMap<string, ReadonlyMap<string, Method>>;
  readonly #calls = new Set<RunningCall>();
  #lastStreamId = 0;
  #isEnding = false;

  constructor(conn: Deno.Conn, services: ReadonlyMap<string, ReadonlyMap<string, Method>>) {
    this.#connection = new FrameConnection(conn);
    this.#services = services;
  }

  /** Serves until the connection ends. Handlers go on after that; nobody gets their answers. */
  async run(): Promise<void> {
    try {
      await this.#connection.read((frame) => this.#take(frame));
    } finally {
      this.close();
      for (const call of this.#calls) call.cancel();
    }
  }

  close(): void {
    this.#connection.close();
  }

  closeWhenIdle(): void {
    this.#isEnding = true;
    if (this.#calls.size === 0) this.#closeAfterWriting();
  }

  async #closeAfterWriting(): Promise<void> {
    await this.#connection.flush();
    // A call may have come meanwhile; its end brings us here again.
    if (this.#calls.size === 0) this.close();
  }

  #take(frame: Frame): void {
    const { streamId, type, length } = frame;
    try {
      if (length > MAX_MESSAGE_BYTES) {
        throw new StatusError("RESOURCE_EXHAUSTED", oversizeText(length));
      }
      if (streamId % 2 !== 1) {
        throw invalid("StreamID must be odd for client initiated streams");
      }
      if (type === FRAME_TYPE.data) throw invalid("StreamID is no longer active");
      // Other types are for versions of the protocol to come.
      if (type === FRAME_TYPE.request) this.#start(frame);
    } catch (error) {
      this.#answer(streamId, { status: statusOf(error) });
    }
  }

  #start({ streamId, data }: Frame): void {
    if (streamId <= this.#lastStreamId) {
      throw invalid("StreamID cannot be re-used and must increment");
    }
    this.#lastStreamId = streamId;
    const request = readRequest(data);
    const service = this.#services.get(request.service);
    if (!service) throw new StatusError("UNIMPLEMENTED", `service ${request.service}`);
    const method = service.get(request.method);
    if (!method) throw new StatusError("UNIMPLEMENTED", `method ${request.method}`);
    void this.#run(streamId, request, method);
  }

  async #run(streamId: number, request: Request, method: Method): Promise<void> {
    const call = new RunningCall(request);
    this.#calls.add(call);
    try {
      const payload = await method(request.payload, call);
      this.#answer(streamId, { payload });
    } catch (error) {
      this.#answer(streamId, { status: statusOf(error) });
    } finally {
      call.finish();
      this.#calls.delete(call);
      if (this.#isEnding && this.#calls.size === 0) void this.#closeAfterWriting();
    }
  }

  #answer(streamId: number, response: MessageInit<typeof RESPONSE>): void {
    const data = encodeMessage(RESPONSE, response);
    if (data.length > MAX_MESSAGE_BYTES) {
      const error = new StatusError("RESOURCE_EXHAUSTED", oversizeText(data.length));
      this.#answer(streamId, { status: statusOf(error) });
    } else this.#connection.send({ streamId, type: FRAME_TYPE.response, data });
  }
}

function invalid(text: string): StatusError {
  return new StatusError("INVALID_ARGUMENT", text);
}

function readRequest(data: Uint8Array): Request {
  try {
    return decodeMessage(REQUEST, data);
  } catch (error) {
    throw new StatusError("INVALID_ARGUMENT", `unmarshal request error: ${errorText(error)}`, {
      cause: error,
    });
  }
}
