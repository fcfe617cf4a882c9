/**
 * The Redis connections of an isolate: each is used by one guest at a time, and kept for a while for
 * the next guest of the same component that asks for the same address.
 *
 * @module
 */

import type { OutboundPolicy } from "./component_context.ts";
import { TooManyConnectionsError } from "./connection_limits.ts";
import { parseRedisAddress } from "./_redis_address.ts";
import type { RedisSocket } from "./_redis_socket.ts";

/** What {@link RedisConnections} may be told; the defaults are for production. */
export interface RedisConnectionsOptions {
  /** Milliseconds to connect and log in. Default: 10 s. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds that a connection without a user is kept. Default: 30 s. */
  readonly idleMs?: number;
  /** Most bytes of one reply. Default: 128 MiB. */
  readonly maxReplyBytes?: number;
  /** Connections at once, whatever the operator's limits are. Default: 1024, as in Spin. */
  readonly maxConnections?: number;
}

/** Who wants a connection. */
export interface RedisUser {
  /** The component's id: components never share a connection. */
  readonly owner: string;
  readonly outbound: OutboundPolicy;
}

/** The text is no address of a Redis server. */
export class InvalidAddressError extends Error {
  override readonly name = "InvalidAddressError";
}

interface IdleConnection {
  readonly key: string;
  readonly socket: RedisSocket;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** The connections of one isolate. Whoever made it closes it. */
export class RedisConnections {
  readonly #connectTimeoutMs: number;
  readonly #idleMs: number;
  readonly #maxReplyBytes: number;
  readonly #maxConnections: number;
  /** Oldest first. */
  readonly #idle: IdleConnection[] = [];
  readonly #open = new Set<RedisSocket>();
  /** Open ones and those that are being opened. */
  #count = 0;
  #isClosed = false;

  constructor(options: RedisConnectionsOptions = {}) {
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.#idleMs = options.idleMs ?? 30_000;
    this.#maxReplyBytes = options.maxReplyBytes ?? 128 * 1024 * 1024;
    this.#maxConnections = options.maxConnections ?? 1024;
  }

  /**
   * A connection that nobody else uses, until it is given to {@link giveBack}. Whether the address is
   * allowed has been checked by the caller; blocked networks and limits are checked here.
   * @throws {InvalidAddressError}
   * @throws {TooManyConnectionsError} if a limit is reached and no idle connection can make room.
   * @throws {Error} if the server cannot be reached or refuses the login.
   */
  async take(address: string, user: RedisUser): Promise<RedisSocket> {
    const parsed = parseRedisAddress(address);
    if (!parsed) throw new InvalidAddressError("Invalid address of a Redis server");
    const idle = this.#takeIdle(idleKey(address, user));
    if (idle) return idle;
    const release = this.#makeRoom(user.outbound);
    let socket: RedisSocket;
    try {
      const { connectRedis } = await import("./_redis_socket.ts");
      socket = await connectRedis(parsed, {
        isBlocked: (ip) => user.outbound.isBlocked(ip),
        timeoutMs: this.#connectTimeoutMs,
        maxReplyBytes: this.#maxReplyBytes,
      });
    } catch (error) {
      release();
      throw error;
    }
    this.#open.add(socket);
    socket.onClosed(() => {
      this.#open.delete(socket);
      this.#forget(socket);
      release();
    });
    // The app may have ended in the meantime.
    if (this.#isClosed) socket.close();
    return socket;
  }

  /**
   * Keeps a connection for the next user. The caller closes it instead if the server remembers
   * something of its user.
   */
  giveBack(socket: RedisSocket, { address, user }: { address: string; user: RedisUser }): void {
    if (socket.isBusy || this.#isClosed) socket.close();
    if (!socket.isOpen) return;
    const timer = setTimeout(() => socket.close(), this.#idleMs);
    this.#idle.push({ key: idleKey(address, user), socket, timer });
  }

  /** Closes every connection, also those in use. */
  close(): void {
    this.#isClosed = true;
    for (const socket of [...this.#open]) socket.close();
  }

  /** The one that was used last: it is the likeliest to be alive. */
  #takeIdle(key: string): RedisSocket | undefined {
    const entry = this.#idle.findLast(({ key: other, socket }) => other === key && socket.isOpen);
    if (entry) this.#forget(entry.socket);
    return entry?.socket;
  }

  #forget(socket: RedisSocket): void {
    const index = this.#idle.findIndex((candidate) => candidate.socket === socket);
    if (index < 0) return;
    clearTimeout(this.#idle[index]!.timer);
    this.#idle.splice(index, 1);
  }

  /** Counts one more connection, and closes idle ones until it may be opened. */
  #makeRoom(outbound: OutboundPolicy): () => void {
    for (;;) {
      const release = this.#tryOpen(outbound);
      if (release) return release;
      const oldest = this.#idle[0];
      if (!oldest) throw new TooManyConnectionsError("Too many connections");
      oldest.socket.close();
    }
  }

  #tryOpen(outbound: OutboundPolicy): (() => void) | undefined {
    if (this.#count >= this.#maxConnections) return undefined;
    const release = outbound.openConnection ? outbound.openConnection("redis") : () => {};
    if (!release) return undefined;
    this.#count++;
    return () => {
      this.#count--;
      release();
    };
  }
}

/** The address has the credentials in it, so nobody gets a connection that somebody else logged in. */
function idleKey(address: string, { owner }: RedisUser): string {
  return JSON.stringify([owner, address]);
}
