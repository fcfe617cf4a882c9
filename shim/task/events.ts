/**
 * Publishes events to containerd, in order, and keeps them while containerd is away.
 *
 * @module
 */

import { callLater } from "../../lib/timer.ts";
import { type Envelope, TASK_EVENTS, type TaskEvent, type TaskTopic } from "../proto/events.ts";
import type { MessageInit, MessageType } from "../proto/schema.ts";
import { packAny, timestampOf } from "../proto/well_known.ts";
import { type StatusCode, StatusError } from "../ttrpc/status.ts";
import type { EventTransport } from "./event_transport.ts";

/** Topics of a shim's events. */
export const TOPICS = {
  create: "/tasks/create",
  start: "/tasks/start",
  exit: "/tasks/exit",
  delete: "/tasks/delete",
  oom: "/tasks/oom",
  execAdded: "/tasks/exec-added",
  execStarted: "/tasks/exec-started",
  paused: "/tasks/paused",
  resumed: "/tasks/resumed",
  checkpointed: "/tasks/checkpointed",
} as const satisfies Record<string, TaskTopic>;

/** As many as containerd's own shims keep. */
const MAX_EVENTS = 2048;

/** How often an event is tried that containerd answers with an error. */
const MAX_REFUSALS = 10;

const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 2000;

/** Codes that the same event will always be answered with. */
const FINAL_CODES: readonly StatusCode[] = [
  "INVALID_ARGUMENT",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "UNAUTHENTICATED",
  "UNIMPLEMENTED",
];

/** An event that containerd will not get. */
export interface LostEvent {
  readonly topic: string;
  /** `full`: too many waited; `refused`: containerd does not want it; `closed`: the shim ended. */
  readonly reason: "full" | "refused" | "closed";
  readonly error?: unknown;
}

/** Settings of an event queue. */
export interface EventQueueOptions {
  /** Closed with the queue. */
  readonly transport: EventTransport;
  /** containerd's namespace, which all events of a shim have in common. */
  readonly namespace: string;
  /** Events that may wait; beyond that the oldest are lost. Default: 2048. */
  readonly maxEvents?: number;
  /** Is told of every event that is lost. Default: nobody is. */
  readonly report?: (lost: LostEvent) => void;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
  /** Wait after the second failure; doubled each time, up to 40 times as long. Default: 50. */
  readonly firstDelayMs?: number;
}

/**
 * A queue with one sender. Events arrive in the order in which they were published, each with the
 * time at which it was; after a broken connection one may arrive twice.
 *
 * containerd's own shims give an event up after five tries and let it be overtaken meanwhile. Here
 * it is kept until containerd is back, however long an upgrade takes, and none overtakes another.
 */
export class EventQueue {
  readonly #options: Required<EventQueueOptions>;
  readonly #waiting: Envelope[] = [];
  #current: Envelope | undefined;
  #sending: Promise<void> | undefined;
  readonly #closing = new AbortController();

  constructor(options: EventQueueOptions) {
    this.#options = {
      maxEvents: MAX_EVENTS,
      report: () => {},
      now: Date.now,
      firstDelayMs: FIRST_DELAY_MS,
      ...options,
    };
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Events that containerd does not have yet. */
  get size(): number {
    return this.#waiting.length + (this.#current ? 1 : 0);
  }

  /** Queues an event, and returns at once. */
  publish<T extends TaskTopic>(topic: T, event: TaskEvent<T>): void {
    const { namespace, now, maxEvents } = this.#options;
    const envelope: Envelope = {
      timestamp: timestampOf(now()),
      namespace,
      topic,
      event: packAny(TASK_EVENTS[topic], event as MessageInit<MessageType>),
    };
    if (this.#isClosed) return this.#lose(envelope, "closed");
    this.#waiting.push(envelope);
    while (this.#waiting.length > maxEvents) this.#lose(this.#waiting.shift()!, "full");
    this.#sending ??= this.#sendAll();
  }

  #lose({ topic }: Envelope, reason: LostEvent["reason"], error?: unknown): void {
    this.#options.report({ topic, reason, ...error === undefined ? {} : { error } });
  }

  async #sendAll(): Promise<void> {
    while (!this.#isClosed && (this.#current = this.#waiting.shift())) {
      await this.#sendOne(this.#current);
      this.#current = undefined;
    }
    this.#sending = undefined;
  }

  /** Resolves when the event has arrived, is refused for good, or the queue is closed. */
  async #sendOne(envelope: Envelope): Promise<void> {
    let refusals = 0;
    for (let failures = 0; !this.#isClosed; failures++) {
      try {
        return await this.#options.transport.send(envelope);
      } catch (error) {
        if (isRefusal(error)) refusals++;
        if (isFinal(error) || refusals === MAX_REFUSALS) {
          return this.#lose(envelope, "refused", error);
        }
        await this.#pause(failures);
      }
    }
    this.#lose(envelope, "closed");
  }

  /** The first failure is often an old connection's: a new one may work at once. */
  async #pause(failures: number): Promise<void> {
    if (failures === 0) return;
    const { firstDelayMs } = this.#options;
    const longest = firstDelayMs * (MAX_DELAY_MS / FIRST_DELAY_MS);
    await this.#forAtMost(Math.min(firstDelayMs * 2 ** (failures - 1), longest));
  }

  /** Waits, but neither beyond the end of the queue nor beyond `also`. */
  async #forAtMost(delayMs: number, also?: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const finish = () => resolve();
    const cancel = callLater(finish, delayMs);
    this.#closing.signal.addEventListener("abort", finish);
    also?.then(finish);
    await promise;
    cancel();
    // The queue lives long, and waits often while containerd is away.
    this.#closing.signal.removeEventListener("abort", finish);
  }

  /**
   * Waits until containerd has all events.
   * @returns Whether it has; false when `timeoutMs` is over.
   */
  async flush({ timeoutMs }: { readonly timeoutMs: number }): Promise<boolean> {
    if (this.#sending) await this.#forAtMost(timeoutMs, this.#sending);
    return this.size === 0;
  }

  /** Ends the queue and its transport; what has not arrived is lost. May be called twice. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#options.transport.close();
    for (const envelope of this.#waiting.splice(0)) this.#lose(envelope, "closed");
    await this.#sending;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof StatusError && error.code !== "DEADLINE_EXCEEDED" &&
    error.code !== "UNAVAILABLE";
}

function isFinal(error: unknown): boolean {
  return error instanceof StatusError && FINAL_CODES.includes(error.code);
}
