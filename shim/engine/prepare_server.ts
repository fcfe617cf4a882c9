/**
 * The mode `prepare` for one component after the other: requests come as lines of JSON on stdin, and
 * replies go as lines of JSON to stdout. It ends when stdin does.
 *
 * @module
 */

import { linesOf } from "../../lib/text_lines.ts";
import type { PrepareFailure } from "./prepare_main.ts";

/** What the server is asked for. */
export type PrepareRequest =
  /** Arguments of the mode `prepare`; is replied to. */
  | { readonly args: readonly string[] }
  /** A Wasm file to prepare for nothing, so that everything is loaded; is not replied to. */
  | { readonly warm: string };

/** The reply to `args`. */
export interface PrepareReply {
  /** Absent if the component is prepared. */
  readonly failure?: PrepareFailure | undefined;
}

/** What {@link servePrepare} works with. */
export interface PrepareServerParts {
  readonly requests: ReadableStream<Uint8Array>;
  readonly prepare: (args: readonly string[]) => Promise<PrepareFailure | undefined>;
  /** Prepares a file and forgets the result. */
  readonly rehearse: (source: string) => Promise<void>;
  readonly reply: (line: string) => void;
  /** Bytes that the process takes. */
  readonly memory: () => number;
  /** Milliseconds without a request before one more round begins; a request has to wait for its end. */
  readonly pauseMs?: number;
}

/**
 * How often a component is prepared until it makes no difference any more: V8 compiles what runs often
 * better than what runs once.
 */
const WARM_ROUNDS = 3;
/** The default of {@link PrepareServerParts.pauseMs}. */
const PAUSE_MS = 300;
/** From this size on, the server ends when it has replied, and gives back what it takes. */
const MAX_BYTES = 512 << 20;

/** Serves until there are no more requests, or until too much memory is used. */
export async function servePrepare(parts: PrepareServerParts): Promise<void> {
  const lines = linesOf(parts.requests);
  let next = lines.next();
  let [source, rounds] = ["", 0];
  for (;;) {
    if (source !== "" && rounds < WARM_ROUNDS && await isQuiet(next, parts.pauseMs ?? PAUSE_MS)) {
      await parts.rehearse(source);
      rounds++;
      continue;
    }
    const { done, value } = await next;
    if (done) return;
    next = lines.next();
    const request: PrepareRequest = JSON.parse(value);
    if ("warm" in request) {
      source = request.warm;
      await parts.rehearse(source);
    } else {
      source ||= request.args[0]!;
      const failure = await parts.prepare(request.args);
      parts.reply(JSON.stringify({ failure } satisfies PrepareReply));
    }
    rounds++;
    if (parts.memory() > MAX_BYTES) return;
  }
}

/** Whether no line comes for a while. */
async function isQuiet(next: Promise<unknown>, pauseMs: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pause = new Promise<true>((resolve) => timer = setTimeout(() => resolve(true), pauseMs));
  const isPast = await Promise.race([pause, next.then(() => false)]);
  clearTimeout(timer);
  return isPast;
}
