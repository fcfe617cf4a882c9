/**
 * A load generator on plain TCP sockets: a fixed number of kept connections, each with one request
 * in flight.
 *
 * @module
 */

import type { LoadResult } from "./load.ts";
import { ResponseScanner } from "./response_scanner.ts";
import { quantile } from "./statistics.ts";

/** Options of {@link runTcpLoad}. */
export interface TcpLoadOptions {
  readonly connections: number;
  readonly seconds: number;
  /** Seconds after which a request without an answer counts as an error, once. */
  readonly requestTimeoutSeconds: number;
}

/** Milliseconds between two looks at requests that take too long. */
const WATCH_MS = 250;
/** Milliseconds before a connection that failed is opened again. */
const RECONNECT_MS = 10;

/**
 * Sends GET requests to `url` until the time is over. Failures are counted, never thrown; requests
 * that are in flight at the end are not counted at all.
 */
export async function runTcpLoad(url: URL, options: TcpLoadOptions): Promise<LoadResult> {
  const tally: Tally = { latenciesMs: [], badStatuses: 0, socketErrors: 0 };
  const startedAt = performance.now();
  const connections = Array.from(
    { length: options.connections },
    () => new Connection(url, { tally, timeoutMs: options.requestTimeoutSeconds * 1_000 }),
  );
  const watch = setInterval(() => {
    for (const connection of connections) connection.checkTimeout();
  }, WATCH_MS);
  const end = setTimeout(() => {
    for (const connection of connections) connection.stop();
  }, options.seconds * 1_000);
  await Promise.all(connections.map((connection) => connection.run()));
  clearTimeout(end);
  clearInterval(watch);
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    requests: tally.latenciesMs.length,
    requestsPerSecond: tally.latenciesMs.length / seconds,
    p50Ms: quantile(tally.latenciesMs, 0.5),
    p99Ms: quantile(tally.latenciesMs, 0.99),
    badStatuses: tally.badStatuses,
    socketErrors: tally.socketErrors,
  };
}

interface Tally {
  readonly latenciesMs: number[];
  badStatuses: number;
  socketErrors: number;
}

class Connection {
  readonly #url: URL;
  readonly #tally: Tally;
  readonly #timeoutMs: number;
  #socket: Deno.TcpConn | undefined;
  #sentAt: number | undefined;
  #isStopped = false;

  constructor(url: URL, options: { tally: Tally; timeoutMs: number }) {
    this.#url = url;
    this.#tally = options.tally;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Settles after {@link stop}. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#converse();
      } catch {
        // Refused, reset, or not HTTP: what counts is that requests fail.
        if (this.#isStopped) return;
        this.#tally.socketErrors++;
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
      }
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#socket?.close();
    this.#socket = undefined;
  }

  checkTimeout(): void {
    if (this.#sentAt === undefined || performance.now() - this.#sentAt < this.#timeoutMs) return;
    this.#tally.socketErrors++;
    this.#sentAt = undefined;
  }

  async #converse(): Promise<void> {
    const { hostname, port, host, pathname, search } = this.#url;
    const socket = await Deno.connect({ hostname, port: Number(port || 80) });
    if (this.#isStopped) return socket.close();
    this.#socket = socket;
    try {
      const request = new TextEncoder().encode(
        `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      );
      const scanner = new ResponseScanner();
      const buffer = new Uint8Array(64 << 10);
      while (!this.#isStopped) await this.#exchange({ socket, request, scanner, buffer });
    } finally {
      // stop() has closed it already and taken it away.
      if (this.#socket) socket.close();
      this.#socket = undefined;
    }
  }

  async #exchange(on: {
    socket: Deno.TcpConn;
    request: Uint8Array;
    scanner: ResponseScanner;
    buffer: Uint8Array;
  }): Promise<void> {
    const sentAt = performance.now();
    this.#sentAt = sentAt;
    await on.socket.write(on.request);
    for (;;) {
      const count = await on.socket.read(on.buffer);
      if (count === null) throw new Error("The server closed the connection");
      const [status] = on.scanner.take(on.buffer.subarray(0, count));
      if (status === undefined) continue;
      this.#sentAt = undefined;
      this.#tally.latenciesMs.push(performance.now() - sentAt);
      if (status < 200 || status > 399) this.#tally.badStatuses++;
      return;
    }
  }
}
