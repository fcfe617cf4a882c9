/**
 * V8 counts a dropped Wasm memory as little garbage and collects it late; under load that is
 * gigabytes. Whoever drops memories says so here.
 *
 * @module
 */

/** Dropped bytes after which a minor collection is worth its milliseconds. */
const COLLECT_AFTER_BYTES = 200 << 20;

/** V8's `gc`, present with `--v8-flags=--expose-gc`. */
type Collect = (options: { type: "minor" | "major"; execution: "sync" }) => void;

/** Collects the memories of dropped instances of one isolate in time. */
export class MemoryCollector {
  readonly #collect = (globalThis as { gc?: Collect }).gc;
  #droppedBytes = 0;

  /** Tells of memories that nothing refers to any more. */
  dropped(bytes: number): void {
    this.#droppedBytes += bytes;
    if (this.#droppedBytes < COLLECT_AFTER_BYTES) return;
    this.#droppedBytes = 0;
    this.#collect?.({ type: "minor", execution: "sync" });
  }

  /** Collects everything: for quiet moments after a burst. */
  collectAll(): void {
    this.#collect?.({ type: "major", execution: "sync" });
  }
}
