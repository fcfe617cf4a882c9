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

/** Takes copies of `initial` memories, from which those of all instances are put back. */
export function createCopyResetter(initial: readonly WebAssembly.Memory[]): MemoryResetter {
  const images = initial.map((memory) => new Uint8Array(memory.buffer).slice());
  return {
    name: "copy",
    adopt: (memories) => ({
      reset: () => memories.every((memory, index) => copyBack(memory, images[index]!)),
      close() {},
    }),
    close() {},
  };
}

function copyBack(memory: WebAssembly.Memory, image: Uint8Array): boolean {
  // A memory cannot shrink: one that grew would show its size to the next request.
  if (memory.buffer.byteLength !== image.length) return false;
  new Uint8Array(memory.buffer).set(image);
  return true;
}
