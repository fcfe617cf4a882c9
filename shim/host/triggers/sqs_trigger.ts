/**
 * The SQS trigger: components get the messages of queues. Matches the plugin's version 0.12, but it
 * waits at the queue instead of asking again and again, holds no more messages than it has room for,
 * keeps the order of FIFO queues, and ends where going on is useless.
 *
 * @module
 */

import { errorText, TerminalError } from "../../../lib/errors.ts";
import { MAX_WAIT_SECONDS, type SqsMessage, SqsQueue } from "../../imports/sqs_queue.ts";
import type { RunningTrigger, TriggerInit } from "../trigger.ts";
import { type Connection, firstFailure, keepConnected } from "./backoff.ts";
import { type CallHandler, findHandler, handlerFailure } from "./handler.ts";

/** Messages of one queue that are worked on at the same time; one has at most 1 MiB. */
const MAX_IN_WORK = 64;
/** What SQS gives out at once, at most; the original's default too. */
const MAX_BATCH = 10;

interface QueueSource {
  readonly queue: SqsQueue;
  readonly maxMessages: number;
  /** Seconds between two looks at an empty queue. */
  readonly idleWaitSeconds: number;
  readonly component: string;
  readonly handle: CallHandler;
}

/** Starts the SQS triggers of an app, each with a loop of its own. */
export async function startSqsTrigger(init: TriggerInit): Promise<RunningTrigger> {
  const { report, announce } = init;
  const sources = await Promise.all(init.triggers.map((_, index) => readTrigger(init, index)));
  const stop = new AbortController();
  const consumers = sources.map((source) => new QueueConsumer(source, report));
  const connections = consumers.map((consumer) =>
    keepConnected({
      what: `SQS queue ${consumer.name}`,
      report,
      signal: stop.signal,
      connect: () => consumer.connect(),
    })
  );
  announce([
    "SQS queues:",
    ...sources.map(({ queue, component }) => `\t${queue.name}: ${component}`),
  ]);
  return {
    ended: firstFailure(connections),
    async stop(graceMs) {
      stop.abort();
      await Promise.all([
        ...consumers.map((consumer) => consumer.finish(graceMs)),
        Promise.allSettled(connections),
      ]);
    },
  };
}

async function readTrigger(init: TriggerInit, index: number): Promise<QueueSource> {
  const { trigger_config: config } = init.triggers[index]!;
  const component = String(config.component);
  return {
    queue: new SqsQueue({
      url: await init.render(String(config.queue_url)),
      systemAttributes: config.system_attributes as string[] | undefined ?? [],
      messageAttributes: config.message_attributes as string[] | undefined ?? [],
      environment: init.environment,
    }),
    maxMessages: config.max_messages as number | undefined ?? MAX_BATCH,
    // A request that waits at the queue costs what one costs that does not.
    idleWaitSeconds: config.idle_wait_seconds as number | undefined ?? MAX_WAIT_SECONDS,
    component,
    handle: findHandler(init.guests.guest(component), {
      trigger: "sqs",
      handlers: [{ pattern: /^handle-queue-message$/ }],
    }),
  };
}

/** Takes messages from one queue and has them handled. */
class QueueConsumer {
  readonly #source: QueueSource;
  readonly #report: (lines: string[]) => void;
  readonly #working = new Set<Promise<void>>();
  /** What is being done about the last message of each group; false if it failed. */
  readonly #groups = new Map<string, Promise<boolean>>();
  #polling = new AbortController();
  #failure: TerminalError | undefined;
  #isFinishing = false;
  #visibilitySeconds = 0;

  constructor(source: QueueSource, report: (lines: string[]) => void) {
    this.#source = source;
    this.#report = report;
  }

  get name(): string {
    return this.#source.queue.name;
  }

  /** @throws {TerminalError} by rejection, here or of `closed`, if trying again is useless. */
  async connect(): Promise<Connection> {
    const polling = new AbortController();
    this.#polling = polling;
    this.#visibilitySeconds = await this.#source.queue.visibilitySeconds(polling.signal);
    return { closed: this.#poll(polling.signal), close: () => polling.abort() };
  }

  /** Lets messages in work end within `graceMs`; what is not done by then comes again. */
  async finish(graceMs: number): Promise<void> {
    this.#isFinishing = true;
    this.#polling.abort();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, graceMs));
    await Promise.race([Promise.all(this.#working), late]);
    clearTimeout(timer);
  }

  async #poll(signal: AbortSignal): Promise<string> {
    const { queue, maxMessages, idleWaitSeconds } = this.#source;
    const waitSeconds = Math.min(Math.max(idleWaitSeconds, 1), MAX_WAIT_SECONDS);
    while (!signal.aborted) {
      while (this.#working.size >= MAX_IN_WORK && !signal.aborted) {
        await Promise.race([...this.#working, aborted(signal)]);
      }
      const room = MAX_IN_WORK - this.#working.size;
      try {
        const messages = await queue.receive({
          maxMessages: Math.min(maxMessages, room),
          waitSeconds,
          signal,
        });
        for (const message of messages) this.#start(message);
        const isIdle = messages.length === 0;
        if (isIdle) await sleep((idleWaitSeconds - waitSeconds) * 1_000, signal);
      } catch (error) {
        if (error instanceof TerminalError) throw error;
        if (!signal.aborted) return errorText(error);
      }
    }
    if (this.#failure) throw this.#failure;
    return "it was closed";
  }

  #start(message: SqsMessage): void {
    const { group } = message;
    const before = group === undefined ? undefined : this.#groups.get(group);
    const done = this.#process(message, before);
    if (group !== undefined) {
      this.#groups.set(group, done);
      void done.then(() => {
        if (this.#groups.get(group) === done) this.#groups.delete(group);
      });
    }
    const work = done.then(() => void this.#working.delete(work));
    this.#working.add(work);
  }

  /** Never rejects. @returns whether the next message of the group may follow. */
  async #process(message: SqsMessage, before: Promise<boolean> | undefined): Promise<boolean> {
    const { queue } = this.#source;
    const lease = this.#keep(message);
    try {
      if (before && (!await before || this.#isFinishing)) {
        // Not before the one ahead of it: both come again, in their order.
        await queue.hide(message, 0);
        return false;
      }
      if (!await this.#handle(message)) return false;
      await queue.delete(message);
      return true;
    } catch (error) {
      if (error instanceof TerminalError) this.#fail(error);
      else this.#tell(`Warning: message ${message.id}`, errorText(error));
      return false;
    } finally {
      clearInterval(lease);
    }
  }

  /** @returns whether the message is done with. One that failed comes again after its time. */
  async #handle(message: SqsMessage): Promise<boolean> {
    try {
      return await this.#source.handle(toGuest(message)) === "delete";
    } catch (error) {
      this.#tell(`Error handling message ${message.id}`, handlerFailure(error));
      return false;
    }
  }

  /** As long as it is worked on, nobody else gets the message. */
  #keep(message: SqsMessage): ReturnType<typeof setInterval> {
    const seconds = this.#visibilitySeconds;
    let isTold = false;
    return setInterval(() => {
      this.#source.queue.hide(message, seconds).catch((error) => {
        if (!isTold) this.#tell(`Warning: message ${message.id} may come twice`, errorText(error));
        isTold = true;
      });
    }, seconds * 500);
  }

  #fail(error: TerminalError): void {
    this.#failure ??= error;
    this.#polling.abort();
  }

  #tell(what: string, why: string): void {
    this.#report([`${what} of queue ${this.name}: component "${this.#source.component}": ${why}`]);
  }
}

/** The message as the guest's interface has it. */
function toGuest({ id, body, attributes }: SqsMessage): unknown {
  return {
    id,
    body,
    messageAttributes: attributes.map(({ name, type, value }) => ({
      name,
      dataType: type,
      value: typeof value === "string" ? { tag: "str", val: value } : { tag: "binary", val: value },
    })),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  await Promise.race([over, aborted(signal)]);
  clearTimeout(timer);
}
