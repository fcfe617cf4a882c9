/**
 * Lists objects and watches what becomes of them, for ever: whatever happens to the connection, the
 * receiver sees every object's latest state in the end.
 *
 * @module
 */

import { readLines } from "./_read_body.ts";
import { followSignal, pause } from "./retry.ts";
import { ApiError, isExpired } from "./api_error.ts";
import type { KubeClient, Selection } from "./client.ts";
import type { KubeObject, ResourceType, WatchEvent } from "./types.ts";

/** Gets the objects. Calls come one after the other. */
export interface WatchReceiver<T> {
  /** All objects there are; those that were there before and are not here are gone. */
  onList(objects: T[]): void;
  onChange(object: T): void;
  onDelete(object: T): void;
  /** The objects cannot be had at the moment; it is tried again after `delayMs`. */
  onTrouble(error: unknown, delayMs: number): void;
}

/** Options of {@link watchObjects}. */
export interface WatchOptions extends Selection {
  /** Ask for names, labels and owners only. */
  readonly metadataOnly?: boolean;
  readonly signal: AbortSignal;
  readonly timing?: Partial<WatchTiming>;
}

/** Milliseconds. */
export interface WatchTiming {
  /** A watch that says nothing for so long is taken for dead; bookmarks come about every minute. */
  readonly idleMs: number;
  /** All objects are listed again so often, as a safety net. */
  readonly relistMs: number;
  /** First pause after a failure; doubles up to `maxDelayMs`. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

const TIMING: WatchTiming = {
  idleMs: 90_000,
  relistMs: 600_000,
  firstDelayMs: 200,
  maxDelayMs: 30_000,
};

/** Seconds after which the server ends a watch by itself; spread, so that not all end at once. */
const WATCH_SECONDS = 300;

/** Runs until the signal fires. */
export async function watchObjects<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  options: WatchOptions & { receiver: WatchReceiver<T> },
): Promise<void> {
  const timing = { ...TIMING, ...options.timing };
  const { signal, receiver } = options;
  let delay = timing.firstDelayMs;
  while (!signal.aborted) {
    try {
      let version = await listAll(client, type, options);
      delay = timing.firstDelayMs;
      const relistAt = performance.now() + timing.relistMs;
      while (performance.now() < relistAt) {
        version = await watchOnce(client, type, { ...options, version, timing, relistAt });
      }
    } catch (error) {
      if (signal.aborted) return;
      // Too old a version is no failure: everything is listed again.
      const wait = isExpired(error) ? timing.firstDelayMs : delay;
      if (!isExpired(error)) delay = Math.min(delay * 2, timing.maxDelayMs);
      receiver.onTrouble(error, wait);
      await pause(wait * (0.5 + Math.random() / 2), signal).catch(() => {
        // The loop's condition sees that the signal has fired.
      });
    }
  }
}

async function listAll<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  options: WatchOptions & { receiver: WatchReceiver<T> },
): Promise<string> {
  const items: T[] = [];
  let next: string | undefined;
  for (;;) {
    const page = await client.listPage(type, { ...options, continue: next });
    items.push(...page.items ?? []);
    next = page.metadata.continue || undefined;
    if (next !== undefined) continue;
    options.receiver.onList(items);
    return page.metadata.resourceVersion ?? "";
  }
}

/** @returns The version to go on from. @throws What broke the watch. */
async function watchOnce<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  options: WatchOptions & {
    receiver: WatchReceiver<T>;
    version: string;
    timing: WatchTiming;
    relistAt: number;
  },
): Promise<string> {
  const { receiver, timing } = options;
  using own = followSignal(options.signal);
  const quiet = new DOMException("the watch said nothing for too long", "TimeoutError");
  let heardAt = performance.now();
  let timer: ReturnType<typeof setTimeout>;
  // Looks now and then, instead of being set anew by every event.
  function endIfQuiet(): void {
    const left = Math.min(heardAt + timing.idleMs, options.relistAt) - performance.now();
    if (left <= 0) own.abort(quiet);
    else timer = setTimeout(endIfQuiet, left);
  }
  endIfQuiet();
  let { version } = options;
  try {
    const stream = await client.watchStream(type, {
      ...options,
      resourceVersion: version,
      timeoutSeconds: Math.round(WATCH_SECONDS * (1 + Math.random())),
      signal: own.signal,
    });
    for await (const line of readLines(stream, own.signal)) {
      heardAt = performance.now();
      const event = JSON.parse(line) as WatchEvent<T>;
      if (event.type === "ERROR") {
        throw new ApiError({ ...event.object, code: event.object.code ?? 500 });
      }
      version = event.object.metadata.resourceVersion ?? version;
      if (event.type === "DELETED") receiver.onDelete(event.object);
      else if (event.type !== "BOOKMARK") receiver.onChange(event.object);
    }
    return version;
  } catch (error) {
    // It is time for another list, or the server has gone quiet: nothing is wrong with the version.
    if (own.signal.reason === quiet) return version;
    throw error;
  } finally {
    clearTimeout(timer!);
  }
}
