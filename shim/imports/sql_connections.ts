/**
 * The connections of an isolate to database servers of one kind. Each is used by one guest at a time,
 * and kept for a while for the next guest of the same component that asks for the same address.
 *
 * @module
 */

import { MAX_RESULT_BYTES } from "./_result_limit.ts";
import type { OutboundPolicy } from "./component_context.ts";
import { TooManyConnectionsError } from "./connection_limits.ts";

/** A connection that is logged in. */
export interface SqlConnection {
  /** Whether statements can be run. */
  readonly isOpen: boolean;
  /** Has `listener` called once when the connection is closed, by whichever side; now if it is. */
  onClosed(listener: () => void): void;
  /**
   * Makes the server forget everything about the user: transactions, settings, temporary tables.
   * @param timeoutMs Closes the connection if it takes longer.
   * @throws {Error} if it cannot; the connection must then be closed.
   */
  reset(timeoutMs: number): Promise<void>;
  /** Further calls have no effect. */
  close(): void;
}

/** What {@link SqlConnections} may be told; the defaults are for production. */
export interface SqlConnectionsOptions {
  /** Milliseconds to connect and log in, or to wait for a connection of others. Default: 10 s. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds that a statement may take. Default: 10 minutes. */
  readonly statementTimeoutMs?: number;
  /** Milliseconds that a connection without a user is kept. Default: 30 s. */
  readonly idleMs?: number;
  /** Most bytes of one result. Default: 128 MiB. */
  readonly maxResultBytes?: number;
  /** Connections of a component to one address; others wait. Default: 64, as in Spin. */
  readonly maxPerAddress?: number;
  /** Connections at once, whatever the operator's limits are. Default: 1024. */
  readonly maxConnections?: number;
}

/** Where a connection goes, and who asks for it. */
export interface SqlTarget<C> {
  /** Component, address and everything else that makes connections interchangeable. */
  readonly key: string;
  readonly outbound: OutboundPolicy;
  connect(): Promise<C>;
}

interface Entry<C> {
  readonly key: string;
  readonly connection: C;
  /** Runs while nobody uses the connection. */
  idleTimer: ReturnType<typeof setTimeout> | undefined;
}

/** The connections of one isolate. Whoever made it closes it. */
export class SqlConnections<C extends SqlConnection> {
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly maxResultBytes: number;
  readonly #kind: "postgres" | "mysql";
  readonly #idleMs: number;
  readonly #maxPerAddress: number;
  readonly #maxConnections: number;
  /** Idle ones in the order in which they were given back. */
  readonly #entries = new Map<C, Entry<C>>();
  /** Open ones and those that are being opened, by key. */
  readonly #counts = new Map<string, number>();
  readonly #waiting: { readonly key: string; readonly wake: () => void }[] = [];
  #isClosed = false;

  /** @param kind What the operator's limit is counted for. */
  constructor(kind: "postgres" | "mysql", options: SqlConnectionsOptions = {}) {
    this.#kind = kind;
    this.connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.statementTimeoutMs = options.statementTimeoutMs ?? 10 * 60_000;
    this.maxResultBytes = options.maxResultBytes ?? MAX_RESULT_BYTES;
    this.#idleMs = options.idleMs ?? 30_000;
    this.#maxPerAddress = options.maxPerAddress ?? 64;
    this.#maxConnections = options.maxConnections ?? 1024;
  }

  /**
   * A connection that nobody else uses, until it is given to {@link giveBack} or closed.
   * @throws {TooManyConnectionsError} if a limit is reached and no idle connection can make room.
   * @throws {Error} of `target.connect`.
   */
  async take(target: SqlTarget<C>): Promise<C> {
    const deadline = performance.now() + this.connectTimeoutMs;
    while (!this.#isClosed) {
      const idle = this.#takeIdle(target.key);
      if (idle) return idle;
      if ((this.#counts.get(target.key) ?? 0) < this.#maxPerAddress) return this.#open(target);
      await this.#wait(target.key, deadline - performance.now());
    }
    throw new Error("the app has ended");
  }

  /** Keeps a connection for the next user, as soon as the server has forgotten the last one. */
  async giveBack(connection: C, { isUsed }: { isUsed: boolean }): Promise<void> {
    try {
      if (isUsed && connection.isOpen) await connection.reset(this.connectTimeoutMs);
    } catch {
      // Nobody waits for this connection: the next user gets another one.
      connection.close();
    }
    const entry = this.#entries.get(connection);
    if (!entry) return;
    if (this.#isClosed) {
      connection.close();
      return;
    }
    // The map has those that were used last at its end.
    this.#entries.delete(connection);
    this.#entries.set(connection, entry);
    entry.idleTimer = setTimeout(() => connection.close(), this.#idleMs);
    this.#wake(entry.key);
  }

  /** Closes every connection, also those in use. */
  close(): void {
    this.#isClosed = true;
    for (const connection of [...this.#entries.keys()]) connection.close();
    for (const { wake } of this.#waiting.splice(0)) wake();
  }

  async #open(target: SqlTarget<C>): Promise<C> {
    const release = this.#makeRoom(target);
    let connection: C;
    try {
      connection = await target.connect();
    } catch (error) {
      release();
      throw error;
    }
    this.#entries.set(connection, { key: target.key, connection, idleTimer: undefined });
    connection.onClosed(() => {
      clearTimeout(this.#entries.get(connection)?.idleTimer);
      this.#entries.delete(connection);
      release();
    });
    // The app may have ended in the meantime.
    if (this.#isClosed) connection.close();
    return connection;
  }

  /** The one that was used last: it is the likeliest to be alive. */
  #takeIdle(key: string): C | undefined {
    const entry = [...this.#entries.values()].findLast((candidate) =>
      candidate.key === key && candidate.idleTimer !== undefined && candidate.connection.isOpen
    );
    if (!entry) return undefined;
    clearTimeout(entry.idleTimer);
    entry.idleTimer = undefined;
    return entry.connection;
  }

  /** Counts one more connection, and closes idle ones until it may be opened. */
  #makeRoom({ key, outbound }: SqlTarget<C>): () => void {
    for (;;) {
      const release = this.#tryCount(outbound);
      if (release) {
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
        return () => {
          release();
          this.#discount(key);
        };
      }
      const idle = [...this.#entries.values()].find(({ idleTimer }) => idleTimer !== undefined);
      if (!idle) throw new TooManyConnectionsError("too many connections");
      idle.connection.close();
    }
  }

  #tryCount(outbound: OutboundPolicy): (() => void) | undefined {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    if (total >= this.#maxConnections) return undefined;
    return outbound.openConnection ? outbound.openConnection(this.#kind) : () => {};
  }

  #discount(key: string): void {
    const count = this.#counts.get(key)! - 1;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
    this.#wake(key);
  }

  async #wait(key: string, timeoutMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry = { key, wake: resolve };
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      reject(new TooManyConnectionsError("too many connections"));
    }, Math.max(timeoutMs, 0));
    this.#waiting.push(entry);
    await promise.finally(() => clearTimeout(timer));
  }

  #wake(key: string): void {
    const index = this.#waiting.findIndex((entry) => entry.key === key);
    if (index >= 0) this.#waiting.splice(index, 1)[0]!.wake();
  }
}
