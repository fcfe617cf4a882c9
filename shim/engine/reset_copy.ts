/**
 * Rewinding an instance by copying its initial memory back. Best for small memories: one page fault
 * costs more than copying a page.
 *
 * @module
 */

/** Puts one instance's memories back to their initial contents. */
export interface MemoryReset {
  /** @returns false if a memory cannot be put back; the instance must then be dropped. */
  reset(): boolean;
  /** Frees what is held for this instance; its memories must not be used any more. */
  close(): void;
}

/** Makes the {@link MemoryReset} of each instance of one component. */
export interface MemoryResetter {
  readonly name: "copy" | "copy-on-write";
  /** @param memories The memories of a new instance, which are as they were initialised. */
  adopt(memories: readonly WebAssembly.Memory[]): MemoryReset;
  /** Frees the initial image. Adopted instances must be closed before. */
  close(): void;
}

/** What a {@link MemoryResetter} is made from. */
export interface ResetterOptions {
  /** The memories of a new instance. */
  readonly initial: readonly WebAssembly.Memory[];
  /**
   * Whether the guest reads a memory's size from a global that is put back: a memory that grew then
   * keeps what V8 has given it, cleared. Otherwise the next request would see its size.
   */
  readonly isShrinkable: boolean;
}

/** Bytes by which a memory may have grown and still be put back. */
const MAX_KEPT_GROWTH = 32 << 20;

/** Whether a memory of this size can be put back to its initial size. */
export function canRewind(
  length: number,
  { initialLength, isShrinkable }: { initialLength: number; isShrinkable: boolean },
): boolean {
  if (length === initialLength) return true;
  return isShrinkable && length - initialLength <= MAX_KEPT_GROWTH;
}

/** Takes copies of the initial memories, from which those of all instances are put back. */
export function createCopyResetter({ initial, isShrinkable }: ResetterOptions): MemoryResetter {
  const images = initial.map((memory) => new Uint8Array(memory.buffer).slice());
  return {
    name: "copy",
    adopt: (memories) => ({
      reset: () =>
        memories.every((memory, index) =>
          copyBack(memory, { image: images[index]!, isShrinkable })
        ),
      close() {},
    }),
    close() {},
  };
}

function copyBack(
  memory: WebAssembly.Memory,
  { image, isShrinkable }: { image: Uint8Array; isShrinkable: boolean },
): boolean {
  const view = new Uint8Array(memory.buffer);
  if (!canRewind(view.length, { initialLength: image.length, isShrinkable })) return false;
  view.set(image);
  if (view.length > image.length) view.fill(0, image.length);
  return true;
}
