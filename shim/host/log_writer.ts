/**
 * An ordered, bounded queue in front of a slow destination for guest output.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";

/** Bytes a queue holds, those being written included. */
export const MAX_QUEUED_BYTES = 1 << 20;

/** What a {@link LogWriter} writes to. */
export interface LogTarget {
  /** Writes all of `bytes`; may take as long as it likes. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Settings of a {@link LogWriter}. */
export interface LogWriterOptions {
  readonly target: LogTarget;
  /** Gets the first of a series of failures; `written` goes on with the next one that works. */
  readonly onFailure: (message: string) => void;
}

const NEWLINE = 10;

/**
 * Writes chunks in order without ever making the producer wait. When the queue is full, whole chunks
 * are dropped; as soon as there is room again, one line tells how many bytes of which component
 * are missing.
 */
export class LogWriter {
  readonly #target: LogTarget;
  readonly #onFailure: (message: string) => void;
  readonly #dropped = new Map<string, number>();
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #endsLine = true;
  #isFailing = false;
  #draining: Promise<void> | undefined;

  constructor({ target, onFailure }: LogWriterOptions) {
    this.#target = target;
    this.#onFailure = onFailure;
  }

  /** Takes `bytes`, which belong to the writer from now on. */
  push(bytes: Uint8Array, component: string): void {
    if (bytes.length === 0) return;
    if (this.#queuedBytes + bytes.length > MAX_QUEUED_BYTES) {
      this.#dropped.set(component, (this.#dropped.get(component) ?? 0) + bytes.length);
    } else {
      this.#queue.push(bytes);
      this.#queuedBytes += bytes.length;
    }
    this.#draining ??= this.#drain();
  }

  /** Resolves when everything taken so far has been written or given up. */
  async flush(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // What a guest writes without suspending becomes one write.
    await null;
    while (this.#queue.length > 0 || this.#dropped.size > 0) {
      const batch = concat(this.#queue);
      this.#queue = [];
      await this.#write(batch);
      this.#queuedBytes -= batch.length;
      await this.#write(this.#notice());
    }
    this.#draining = undefined;
  }

  #notice(): Uint8Array {
    const lines = [...this.#dropped].map(([component, count]) =>
      `[spinkube] ${count} bytes of output of component "${component}" were dropped: ` +
      "they came faster than they could be written\n"
    );
    this.#dropped.clear();
    if (lines.length > 0 && !this.#endsLine) lines.unshift("\n");
    return new TextEncoder().encode(lines.join(""));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    try {
      await this.#target.write(bytes);
      this.#isFailing = false;
      this.#endsLine = bytes[bytes.length - 1] === NEWLINE;
    } catch (error) {
      if (!this.#isFailing) this.#onFailure(errorText(error));
      this.#isFailing = true;
    }
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
