/**
 * V8 counts a dropped Wasm memory as little garbage and collects it late; under load that is
 * gigabytes. Whoever drops memories says so here.
 *
 * @module
 */

/** Dropped bytes after which a minor collection is worth its milliseconds. */
const COLLECT_AFTER_BYTES = 200 << 20;
/** Minor collections miss what has become old. After so many dropped bytes all is collected. */
const COLLECT_ALL_AFTER_BYTES = 2 ** 30;
/** Dropped bytes that are worth a full collection when there is nothing else to do. */
const COLLECT_ALL_IDLE_BYTES = 64 << 20;

/** V8's `gc`, present with `--v8-flags=--expose-gc`. */
type Collect = (options: { type: "minor" | "major"; execution: "sync" }) => void;

/** Collects the memories of dropped instances of one isolate in time. */
export class MemoryCollector {
  readonly #collect = (globalThis as { gc?: Collect }).gc;
  #droppedBytes = 0;
  /** Dropped since everything was collected. */
  #leftBytes = 0;
  #wasBusy = false;

  /** Tells of memories that nothing refers to any more. */
  dropped(bytes: number): void {
    this.#droppedBytes += bytes;
    this.#leftBytes += bytes;
    this.#wasBusy = true;
    if (this.#leftBytes >= COLLECT_ALL_AFTER_BYTES) {
      this.collectAll();
      // The caller has not let go of the last one yet.
      this.#leftBytes = bytes;
      return;
    }
    if (this.#droppedBytes < COLLECT_AFTER_BYTES) return;
    this.#droppedBytes = 0;
    this.#collect?.({ type: "minor", execution: "sync" });
  }

  /** To be called now and then: collects everything if much was dropped, but not lately. */
  sweep(): void {
    if (!this.#wasBusy && this.#leftBytes >= COLLECT_ALL_IDLE_BYTES) this.collectAll();
    this.#wasBusy = false;
  }

  /** Collects everything: for quiet moments after a burst. */
  collectAll(): void {
    this.#droppedBytes = 0;
    this.#leftBytes = 0;
    this.#collect?.({ type: "major", execution: "sync" });
  }
}
