/**
 * The MQTT connections of an isolate. A broker lets a client id have one connection, so guests that
 * use the same address share it instead of throwing each other out.
 *
 * @module
 */

import type { OutboundPolicy } from "./component_context.ts";
import { TooManyConnectionsError } from "./connection_limits.ts";
import type { MqttAddress } from "./_mqtt_address.ts";
import type { MqttMessage, MqttSocket } from "./_mqtt_socket.ts";

/** What {@link MqttConnections} may be told; the defaults are for production. */
export interface MqttConnectionsOptions {
  /** Milliseconds to connect and log in. Default: 10 s. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds that the broker may take to confirm a message. Default: 30 s. */
  readonly confirmTimeoutMs?: number;
  /** Milliseconds that a connection without a message is kept. Default: 30 s. */
  readonly idleMs?: number;
  /** Connections at once, whatever the operator's limits are. Default: 1024, as in Spin. */
  readonly maxConnections?: number;
}

/** Which connection a guest wants. Components never share one. */
export interface MqttLogin {
  readonly address: MqttAddress;
  readonly username: string;
  readonly password: string;
  /** Seconds; 0 never. */
  readonly keepAliveSeconds: number;
  /** The component's id. */
  readonly owner: string;
}

/** A connection, from the wish for it to its end. */
interface Entry {
  readonly ready: Promise<MqttSocket>;
  /** Present once it is there. */
  socket: MqttSocket | undefined;
  /** Messages on their way. */
  inFlight: number;
  idleTimer: ReturnType<typeof setTimeout> | undefined;
  isOver: boolean;
}

/** Times that a message is sent again when its connection was lost on the way. */
const MAX_REPEATS = 4;

/** Longest pause before the first repeat, in milliseconds; it doubles with each. */
const REPEAT_PAUSE_MS = 25;

/** The connections of one isolate. Whoever made it closes it. */
export class MqttConnections {
  readonly #connectTimeoutMs: number;
  readonly #confirmTimeoutMs: number;
  readonly #idleMs: number;
  readonly #maxConnections: number;
  /** Open ones and those that are being opened, oldest first. */
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  constructor(options: MqttConnectionsOptions = {}) {
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.#confirmTimeoutMs = options.confirmTimeoutMs ?? 30_000;
    this.#idleMs = options.idleMs ?? 30_000;
    this.#maxConnections = options.maxConnections ?? 1024;
  }

  /**
   * Publishes a message, over a new connection if there is none. Whether the address is allowed has
   * been checked by the caller; blocked networks and limits are checked here.
   *
   * Another isolate, or anybody else with the same client id, may take the connection away at any
   * time. Then the message is sent once more, unless it must not arrive twice.
   * @throws {TooManyConnectionsError} if a limit is reached and no idle connection can make room.
   * @throws {Error} if the broker cannot be reached, refuses the login or does not confirm.
   */
  async publish(
    login: MqttLogin,
    { message, outbound }: { message: MqttMessage; outbound: OutboundPolicy },
  ): Promise<void> {
    for (let repeats = 0;; repeats++) {
      try {
        return await this.#publishOnce(login, { message, outbound });
      } catch (error) {
        const isLost = error instanceof Error && error.name === "MqttConnectionLostError";
        if (!isLost || message.qos === 2 || repeats === MAX_REPEATS || this.#isClosed) throw error;
      }
      // At random, so that two who take the connection from each other get out of step.
      const pauseMs = Math.random() * REPEAT_PAUSE_MS * 2 ** repeats;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  /** Closes every connection; messages on their way fail. */
  close(): void {
    this.#isClosed = true;
    for (const { socket } of [...this.#entries.values()]) socket?.close();
  }

  async #publishOnce(
    login: MqttLogin,
    { message, outbound }: { message: MqttMessage; outbound: OutboundPolicy },
  ): Promise<void> {
    const entry = this.#entry(login, outbound);
    entry.inFlight++;
    clearTimeout(entry.idleTimer);
    try {
      await (await entry.ready).publish(message, this.#confirmTimeoutMs);
    } finally {
      entry.inFlight--;
      if (entry.inFlight === 0 && !entry.isOver) {
        entry.idleTimer = setTimeout(() => entry.socket?.close(), this.#idleMs);
      }
    }
  }

  #entry(login: MqttLogin, outbound: OutboundPolicy): Entry {
    const { address, username, password, keepAliveSeconds, owner } = login;
    const key = JSON.stringify([owner, address, username, password, keepAliveSeconds]);
    const known = this.#entries.get(key);
    if (known) return known;
    const release = this.#makeRoom(outbound);
    const ready = this.#connect(login, outbound);
    const entry: Entry = {
      ready,
      socket: undefined,
      inFlight: 0,
      idleTimer: undefined,
      isOver: false,
    };
    const end = () => {
      entry.isOver = true;
      clearTimeout(entry.idleTimer);
      this.#entries.delete(key);
      release();
    };
    ready.then((socket) => {
      entry.socket = socket;
      socket.onClosed(end);
      // The app may have ended in the meantime.
      if (this.#isClosed) socket.close();
    }, end);
    this.#entries.set(key, entry);
    return entry;
  }

  async #connect(login: MqttLogin, outbound: OutboundPolicy): Promise<MqttSocket> {
    const { connectMqtt } = await import("./_mqtt_socket.ts");
    return await connectMqtt(login.address, {
      username: login.username,
      password: login.password,
      keepAliveSeconds: login.keepAliveSeconds,
      isBlocked: (ip) => outbound.isBlocked(ip),
      timeoutMs: this.#connectTimeoutMs,
    });
  }

  /** Counts one more connection, and closes idle ones until it may be opened. */
  #makeRoom(outbound: OutboundPolicy): () => void {
    for (;;) {
      const isFull = this.#entries.size >= this.#maxConnections;
      const release = isFull ? undefined : openConnection(outbound);
      if (release) return release;
      const idle = [...this.#entries.values()].find(({ socket, inFlight }) =>
        socket && inFlight === 0
      );
      if (!idle) throw new TooManyConnectionsError("Too many connections");
      idle.socket!.close();
    }
  }
}

function openConnection(outbound: OutboundPolicy): (() => void) | undefined {
  return outbound.openConnection ? outbound.openConnection("mqtt") : () => {};
}
