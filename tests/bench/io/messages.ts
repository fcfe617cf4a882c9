/**
 * How many messages a second arrive, and are handled.
 *
 * @module
 */

/** Messages that are under way at once: fewer than a trigger keeps waiting. */
const WINDOW = 400;
/** Milliseconds between two looks at what has been handled. */
const POLL_MS = 2;
/** Milliseconds that the first message may take. */
const FIRST_MS = 200;
/** Milliseconds without any progress after which something is wrong. */
const STALL_MS = 20_000;

/** One side of a measurement. */
export interface MessageFlow {
  /** Sends so many messages. */
  publish(count: number): Promise<void>;
  /** How many have been handled since the beginning. */
  handled(): number | Promise<number>;
}

/**
 * Sends messages in windows, each when the one before has been handled.
 * @returns Messages a second.
 * @throws {Error} by rejection, if messages are lost.
 */
export async function measureFlow(flow: MessageFlow, messages: number): Promise<number> {
  const before = await flow.handled();
  const start = performance.now();
  for (let sent = 0; sent < messages;) {
    const count = Math.min(WINDOW, messages - sent);
    await flow.publish(count);
    sent += count;
    await waitFor(flow, before + sent);
  }
  return messages / ((performance.now() - start) / 1_000);
}

/** Sends single messages until one arrives: from then on none is lost. */
export async function waitForSubscriber(flow: MessageFlow): Promise<void> {
  const before = await flow.handled();
  const deadline = performance.now() + STALL_MS;
  while (await flow.handled() === before) {
    if (performance.now() > deadline) throw new Error("No message has arrived");
    await flow.publish(1);
    await new Promise((resolve) => setTimeout(resolve, FIRST_MS));
  }
}

async function waitFor(flow: MessageFlow, wanted: number): Promise<void> {
  let last = -1;
  let progressAt = performance.now();
  for (;;) {
    const handled = await flow.handled();
    if (handled >= wanted) return;
    if (handled !== last) progressAt = performance.now();
    last = handled;
    if (performance.now() - progressAt > STALL_MS) {
      throw new Error(`${wanted - handled} messages were not handled`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
