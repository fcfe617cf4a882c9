/**
 * Further isolates for an app that turns out to need them. Most pods idle; an isolate more costs each
 * of them some 15 MB. So one serves, and when its thread has been busy for a while the others start,
 * and take over a part of the connections.
 *
 * @module
 */

import { callAtIntervals } from "../../lib/timer.ts";
import { errorText } from "../../lib/errors.ts";
import { type Handler, withoutKeepAlive } from "./http_listener.ts";
import type { Workers } from "./workers.ts";

/** Milliseconds between two looks at the thread's CPU time, while there are requests. */
const CHECK_MS = 250;
/** Looks in turn that have to find the thread busy. */
const CHECKS = 2;
/** Share of the time that a busy thread computes. */
const BUSY = 0.8;
/** Milliseconds until connections that are not used keep their isolate. */
const MOVING_MS = 10_000;

/** What has to be known of the others. */
export type ElasticMembers = Pick<Workers, "allServe" | "stop">;

/** What {@link ElasticWorkers} works with. */
export interface ElasticEdge<W extends ElasticMembers> {
  /** Answers requests in this isolate. */
  readonly handler: Handler;
  /** CPU time of the thread that runs this isolate, in milliseconds. */
  readonly threadTimeMs: () => number;
  /** Starts the others. */
  readonly start: () => Promise<W>;
  readonly report: (line: string) => void;
}

/** Watches one isolate. The owner stops it. */
export class ElasticWorkers<W extends ElasticMembers> {
  readonly #edge: ElasticEdge<W>;
  #stopWatching: (() => void) | undefined;
  #requests = 0;
  #busyChecks = 0;
  #last = { atMs: 0, cpuMs: 0 };
  #isOver = false;
  #starting: Promise<void> | undefined;
  #workers: W | undefined;
  /** Connections of this isolate that the others may get; undefined unless that is going on. */
  #connections: Set<string> | undefined;
  #isMoving = false;

  constructor(edge: ElasticEdge<W>) {
    this.#edge = edge;
  }

  /** The others, once they serve. */
  get workers(): W | undefined {
    return this.#workers;
  }

  /** Answers requests, and knows by them that there is something to watch. */
  readonly handler: Handler = (request, info) => {
    if (!this.#isOver) {
      this.#requests++;
      if (this.#stopWatching === undefined) this.#watch();
    }
    const response = this.#edge.handler(request, info);
    return this.#connections === undefined ? response : this.#move(response, info.remoteAddr);
  };

  /** Starts nothing any more, and ends what was started. */
  async stop(graceMs: number): Promise<void> {
    this.#isOver = true;
    this.#stopWatching?.();
    await this.#starting;
    await this.#workers?.stop(graceMs);
  }

  #watch(): void {
    this.#busyChecks = 0;
    this.#last = this.#now();
    this.#stopWatching = callAtIntervals(() => this.#check(), CHECK_MS);
  }

  #now(): { atMs: number; cpuMs: number } {
    return { atMs: performance.now(), cpuMs: this.#edge.threadTimeMs() };
  }

  #check(): void {
    const now = this.#now();
    const share = (now.cpuMs - this.#last.cpuMs) / (now.atMs - this.#last.atMs);
    const isIdle = this.#requests === 0;
    this.#last = now;
    this.#requests = 0;
    this.#busyChecks = share >= BUSY ? this.#busyChecks + 1 : 0;
    if (this.#busyChecks < CHECKS && !isIdle) return;
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    if (!isIdle) this.#starting = this.#grow();
  }

  async #grow(): Promise<void> {
    this.#isOver = true;
    this.#connections = new Set();
    try {
      this.#workers = await this.#edge.start();
      void this.#workers.allServe().then(() => {
        this.#isMoving = true;
        Deno.unrefTimer(setTimeout(() => this.#connections = undefined, MOVING_MS));
      });
    } catch (error) {
      this.#connections = undefined;
      this.#edge.report(`Cannot start more isolates: ${errorText(error)}`);
    }
  }

  /** A connection stays with the isolate that accepted it, so the client is asked for a new one. */
  #move(response: Response | Promise<Response>, address: Deno.Addr): typeof response {
    const { hostname, port } = address as Deno.NetAddr;
    const connection = `${hostname}:${port}`;
    if (!this.#isMoving) {
      this.#connections!.add(connection);
      return response;
    }
    return this.#connections!.delete(connection) ? withoutKeepAlive(response) : response;
  }
}

/**
 * CPU time of the thread that the main isolate runs on, in milliseconds.
 * @param readText Reads a file.
 */
export function mainThreadTimeMs(readText: (path: string) => string, pid: number): number {
  const stat = readText(`/proc/self/task/${pid}/stat`);
  // The program's name, in parentheses, may have spaces; the numbers behind it are fields 3 and on.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Linux counts in hundredths of a second, on all machines. */
const TICK_MS = 10;
