/**
 * What goes on, as server-sent events.
 *
 * @module
 */

import type { LiveHub, LiveState } from "./live_hub.ts";
import type { LiveRequest, LogLine } from "./live_report.ts";

/** Milliseconds between two states if nothing else is to be told. */
const STATE_MS = 1_000;
/** Milliseconds until a browser whose connection broke off tries again. */
const RETRY_MS = 1_000;

/** One event: at first, as `snapshot`, everything that is known, then what is new, as `update`. */
export interface LiveEvent {
  readonly state: LiveState;
  readonly requests: readonly LiveRequest[];
  readonly lines: readonly LogLine[];
}

/** One reader's stream. */
export interface EventStream {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Ends it. */
  close(): void;
}

/**
 * Opens a stream of what the hub knows.
 *
 * Nothing is queued for a reader that is slow: it gets its next event when it has taken the one
 * before, with as much of what happened meanwhile as the hub still has.
 *
 * @param options.onEnd Called once, when the reader has left or the stream is closed.
 */
export function openEventStream(hub: LiveHub, { onEnd }: { onEnd: () => void }): EventStream {
  const encoder = new TextEncoder();
  const seen = { requests: 0, lines: 0, version: -1, at: -Infinity };
  let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  let stopWatching = (): void => {};
  let isOver = false;

  function send(): void {
    if (isOver || (controller.desiredSize ?? 0) <= 0) return;
    const requests = hub.requests.since(seen.requests);
    const lines = hub.lines.since(seen.lines);
    const now = performance.now();
    const isQuiet = requests.length === 0 && lines.length === 0 && hub.version === seen.version;
    if (isQuiet && now - seen.at < STATE_MS) return;
    const type = seen.version < 0 ? "snapshot" : "update";
    seen.requests = hub.requests.end;
    seen.lines = hub.lines.end;
    seen.version = hub.version;
    seen.at = now;
    const data: LiveEvent = { state: hub.state(), requests, lines };
    const text = `event: ${type}\nretry: ${RETRY_MS}\ndata: ${JSON.stringify(data)}\n\n`;
    controller.enqueue(encoder.encode(text));
  }

  function end(): void {
    if (isOver) return;
    isOver = true;
    stopWatching();
    onEnd();
  }

  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async start(started) {
      controller = started;
      stopWatching = hub.watch(send);
      await hub.collect();
      send();
    },
    cancel: end,
  });
  return {
    body,
    close() {
      if (isOver) return;
      end();
      controller.close();
    },
  };
}
