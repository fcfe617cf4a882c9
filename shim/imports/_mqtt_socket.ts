/**
 * One connection to an MQTT broker. Loaded when a guest first publishes.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { MqttClient, Store } from "mqtt";
import type { Socket } from "node:net";
import type { MqttAddress } from "./_mqtt_address.ts";
import { connectServer, orAbort } from "./_server_socket.ts";

/** Quality of service, as numbered by the protocol: at most once, at least once, exactly once. */
export type MqttQos = 0 | 1 | 2;

/** A message to publish. */
export interface MqttMessage {
  readonly topic: string;
  /** Not changed by anybody until it is sent. */
  readonly payload: Uint8Array;
  readonly qos: MqttQos;
}

/** Options of {@link connectMqtt}. */
export interface ConnectMqttOptions {
  readonly username: string;
  readonly password: string;
  /** Seconds of silence after which the client gives a sign of life; 0 never. */
  readonly keepAliveSeconds: number;
  /** Whether the operator forbids a resolved address. */
  readonly isBlocked: (ip: string) => boolean;
  /** Milliseconds for the lookup, the connection and the login together. */
  readonly timeoutMs: number;
  /** For connections that receive. */
  readonly inbox?: MqttInbox;
}

/**
 * What a client that subscribes has besides its connection. It outlives the connection: the broker
 * goes on with a session where the last one ended.
 */
export class MqttInbox {
  /** Messages that are to come exactly once and that the broker has not released yet. */
  readonly store = new Store({ clean: false });
  /** A message is confirmed, and the next one taken, when this resolves. Never rejects. */
  readonly onMessage: (topic: string, payload: Uint8Array) => Promise<void>;

  constructor(onMessage: (topic: string, payload: Uint8Array) => Promise<void>) {
    this.onMessage = onMessage;
  }
}

/** The connection ended before the broker confirmed a message, which may have arrived or not. */
export class MqttConnectionLostError extends Error {
  override readonly name = "MqttConnectionLostError";
}

/**
 * Connects and logs in, with MQTT 3.1.1. The caller closes the result.
 * @throws {Error} whose message names the broker, never the password.
 */
export async function connectMqtt(
  address: MqttAddress,
  options: ConnectMqttOptions,
): Promise<MqttSocket> {
  return await connectServer(address, {
    ...options,
    what: "MQTT broker",
    greet: (socket, signal) => logIn(socket, { address, options, signal }),
  });
}

async function logIn(
  socket: Socket,
  { address, options, signal }: {
    address: MqttAddress;
    options: ConnectMqttOptions;
    signal: AbortSignal;
  },
): Promise<MqttSocket> {
  const { username, password } = options;
  const client = new MqttClient(() => socket, {
    clientId: address.clientId,
    clean: address.isCleanSession,
    keepalive: options.keepAliveSeconds,
    connectTimeout: options.timeoutMs,
    // Whoever needs the next connection makes it.
    reconnectPeriod: 0,
    resubscribe: false,
    protocolVersion: 4,
    ...(username === "" ? {} : { username, password }),
    ...(options.inbox ? { incomingStore: options.inbox.store } : {}),
  });
  // What the broker has kept for a session comes before anything can be asked for.
  if (options.inbox) receive(client, options.inbox);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  client.once("connect", () => resolve());
  client.on("error", reject);
  client.once("close", () => reject(new Error("the broker closed the connection")));
  const connection = new MqttSocket(client);
  try {
    await orAbort(promise, signal);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function receive(client: MqttClient, { onMessage }: MqttInbox): void {
  client.handleMessage = (packet, done) => {
    const payload = typeof packet.payload === "string"
      ? new TextEncoder().encode(packet.payload)
      : new Uint8Array(packet.payload);
    onMessage(packet.topic, payload).then(() => done(), done);
  };
}

/** A connection that is logged in; any number of messages may be on their way. */
export class MqttSocket {
  readonly #client: MqttClient;
  /** Told of the end of the connection. */
  readonly #pending = new Set<(error: Error) => void>();
  #onClosed: (() => void) | undefined;
  #isOpen = true;

  /** @param client Connected, or about to be; never connecting anew. */
  constructor(client: MqttClient) {
    this.#client = client;
    client.on("close", () => this.#end("the broker closed the connection"));
  }

  /** Whether messages can be sent. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Has `listener` called once when the connection is closed, by whichever side; now if it is. */
  onClosed(listener: () => void): void {
    if (this.#isOpen) this.#onClosed = listener;
    else listener();
  }

  /**
   * Publishes a message and waits for what its quality of service promises: that it is sent, or that
   * the broker has confirmed it.
   * @param timeoutMs Closes the connection when there is no confirmation by then.
   * @throws {MqttConnectionLostError} by rejection.
   */
  async publish({ topic, payload, qos }: MqttMessage, timeoutMs: number): Promise<void> {
    if (!this.#isOpen) throw new MqttConnectionLostError("the connection is closed");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pending.add(reject);
    const timer = setTimeout(() => {
      reject(new Error(`the MQTT broker did not answer within ${timeoutMs / 1000} s`));
      this.close();
    }, timeoutMs);
    try {
      this.#client.publish(topic, Buffer.from(payload.buffer, payload.byteOffset, payload.length), {
        qos,
      }, (error) => {
        // The broker has no way to refuse a message but to close the connection.
        if (error) reject(new MqttConnectionLostError(error.message, { cause: error }));
        else resolve();
      });
      await promise;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(reject);
    }
  }

  /** Subscribes to a topic. @throws {Error} by rejection, if the broker refuses. */
  async subscribe({ topic, qos }: { topic: string; qos: MqttQos }): Promise<void> {
    await this.#client.subscribeAsync(topic, { qos });
  }

  /** Says goodbye and closes the connection. Further calls have no effect. */
  close(): void {
    if (!this.#isOpen) return;
    const isIdle = this.#pending.size === 0;
    this.#end("the connection was closed");
    // A broker that is waited for may be gone; it gets no time to answer.
    this.#client.end(!isIdle || !this.#client.connected);
  }

  #end(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const reject of this.#pending) reject(new MqttConnectionLostError(reason));
    this.#pending.clear();
    this.#onClosed?.();
  }
}
