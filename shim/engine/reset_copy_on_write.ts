/**
 * Rewinding an instance through the kernel: its memory is a private mapping of the initial image,
 * so that only pages that a request wrote to have to be put back. All instances share the pages
 * that nobody wrote to. Linux only; needs FFI.
 *
 * @module
 */

import {
  canRewind,
  type MemoryReset,
  type MemoryResetter,
  type ResetterOptions,
} from "./reset_copy.ts";

const PROT_READ = 1;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE_FIXED = 0x12;
const MADV_DONTNEED = 4;
/** `_IOWR('f', 16, struct pm_scan_arg)` of linux/fs.h, since Linux 6.7. */
const PAGEMAP_SCAN = 0xc0606610n;
const PAGE_IS_FILE = 4n;
const PAGE_IS_PRESENT_OR_SWAPPED = 8n | 16n;
/** Beyond this many written bytes, dropping the pages is cheaper than copying them back. */
const MAX_COPY_BYTES = 4 << 20;
const MAX_REGIONS = 1024;
/** `struct page_region { start, end, categories }`, as 32-bit words. */
const REGION_WORDS = 6;

const SYMBOLS = {
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  mmap: {
    parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
    result: "pointer",
  },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>;

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** What the kernel offers to one isolate. The caller closes it. */
export interface CopyOnWrite {
  /** Takes the image of the initial memories; undefined if they cannot be mapped. */
  createResetter(options: ResetterOptions): MemoryResetter | undefined;
  close(): void;
}

/**
 * Opens the C library.
 * @returns undefined where copy-on-write is not to be had: not Linux, no FFI permission, another C
 * library. The caller then copies.
 */
export function openCopyOnWrite(): CopyOnWrite | undefined {
  if (Deno.build.os !== "linux") return undefined;
  let libc: Libc;
  try {
    libc = Deno.dlopen("libc.so.6", SYMBOLS);
  } catch {
    // No permission or no such library: both mean that the plain way is taken.
    return undefined;
  }
  const pagemap = libc.symbols.open(cString("/proc/self/pagemap"), 0);
  const scanner = pagemap < 0 ? undefined : new PageScanner(libc, pagemap);
  return {
    createResetter: (options) => createResetter(libc, { ...options, scanner }),
    close() {
      if (pagemap >= 0) libc.symbols.close(pagemap);
      libc.close();
    },
  };
}

/** Asks the kernel which pages of a private file mapping were written to. */
class PageScanner {
  readonly #libc: Libc;
  readonly #pagemap: number;
  readonly #argument = new BigUint64Array(12);
  readonly #regions = new Uint32Array(MAX_REGIONS * REGION_WORDS);
  #isSupported = true;

  constructor(libc: Libc, pagemap: number) {
    this.#libc = libc;
    this.#pagemap = pagemap;
    const regions = Deno.UnsafePointer.value(Deno.UnsafePointer.of(this.#regions));
    // struct pm_scan_arg: size, flags, start, end, walk_end, vec, vec_len, max_pages,
    // category_inverted, category_mask, category_anyof_mask, return_mask
    this.#argument.set([96n, 0n, 0n, 0n, 0n, BigInt(regions), BigInt(MAX_REGIONS), 0n]);
    this.#argument.set([PAGE_IS_FILE, PAGE_IS_FILE, PAGE_IS_PRESENT_OR_SWAPPED, 8n], 8);
  }

  /**
   * Calls `visit` with the offsets of each written range of the mapping at `base`.
   * @returns false if the kernel cannot tell or there are too many ranges; some may have been
   * visited.
   */
  scan(base: bigint, length: number, visit: (start: number, end: number) => boolean): boolean {
    if (!this.#isSupported) return false;
    this.#argument[2] = base;
    this.#argument[3] = base + BigInt(length);
    const count = this.#libc.symbols.ioctl(
      this.#pagemap,
      PAGEMAP_SCAN,
      this.#argument as unknown as BufferSource,
    );
    if (count < 0) {
      this.#isSupported = false;
      return false;
    }
    if (count >= MAX_REGIONS) return false;
    // Offsets fit into 32 bits, so the low words of the addresses are enough.
    const low = Number(base & 0xffff_ffffn);
    for (let i = 0; i < count * REGION_WORDS; i += REGION_WORDS) {
      const start = (this.#regions[i]! - low) >>> 0;
      const end = (this.#regions[i + 2]! - low) >>> 0;
      if (!visit(start, end)) return false;
    }
    return true;
  }
}

/** The initial contents of one memory: a file without a name, and a shared mapping of it. */
interface Image {
  readonly fd: number;
  readonly bytes: Uint8Array;
  close(): void;
}

function createResetter(
  libc: Libc,
  options: ResetterOptions & { scanner: PageScanner | undefined },
): MemoryResetter | undefined {
  const { scanner, isShrinkable } = options;
  const images: (Image | undefined)[] = [];
  function closeImages(): void {
    for (const image of images) image?.close();
  }
  for (const memory of options.initial) {
    // Adapters have a memory without pages, which cannot be mapped and has nothing to put back.
    if (memory.buffer.byteLength === 0) {
      images.push(undefined);
      continue;
    }
    const image = createImage(libc, memory);
    if (!image) {
      closeImages();
      return undefined;
    }
    images.push(image);
  }
  return {
    name: "copy-on-write",
    adopt(memories) {
      const mapped = memories.map((memory, index) => {
        const image = images[index];
        return image ? mapMemory(libc, { memory, image, scanner, isShrinkable }) : empty(memory);
      });
      return {
        reset: () => mapped.every((memory) => memory.reset()),
        close() {},
      };
    },
    close: closeImages,
  };
}

/** The reset of a memory without pages. */
function empty(memory: WebAssembly.Memory): MemoryReset {
  return { reset: () => memory.buffer.byteLength === 0, close() {} };
}

function createImage(libc: Libc, memory: WebAssembly.Memory): Image | undefined {
  const fd = libc.symbols.memfd_create(cString("spinkube-image"), 1 /* MFD_CLOEXEC */);
  if (fd < 0) return undefined;
  const length = memory.buffer.byteLength;
  const mapped = writeAll(libc, { fd, bytes: new Uint8Array(memory.buffer) })
    ? libc.symbols.mmap(null, BigInt(length), PROT_READ, MAP_SHARED, fd, 0n)
    : null;
  // MAP_FAILED is -1.
  if (mapped === null || Deno.UnsafePointer.value(mapped) === 0xffff_ffff_ffff_ffffn) {
    libc.symbols.close(fd);
    return undefined;
  }
  return {
    fd,
    bytes: new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(mapped, length)),
    close() {
      libc.symbols.munmap(mapped, BigInt(length));
      libc.symbols.close(fd);
    },
  };
}

function writeAll(libc: Libc, { fd, bytes }: { fd: number; bytes: Uint8Array }): boolean {
  for (let written = 0; written < bytes.length;) {
    const rest = bytes.subarray(written) as Uint8Array<ArrayBuffer>;
    const count = Number(libc.symbols.write(fd, rest, BigInt(rest.length)));
    if (count <= 0) return false;
    written += count;
  }
  return true;
}

function mapMemory(
  libc: Libc,
  options: {
    memory: WebAssembly.Memory;
    image: Image;
    scanner: PageScanner | undefined;
    isShrinkable: boolean;
  },
): MemoryReset {
  const { memory, image, scanner, isShrinkable } = options;
  const length = image.bytes.length;
  const base = Deno.UnsafePointer.of(new Uint8Array(memory.buffer));
  const address = BigInt(Deno.UnsafePointer.value(base));
  // V8 reserves the whole address range of a memory and frees it as one, mappings included.
  const result = libc.symbols.mmap(
    base,
    BigInt(length),
    PROT_READ_WRITE,
    MAP_PRIVATE_FIXED,
    image.fd,
    0n,
  );
  const isMapped = result !== null && BigInt(Deno.UnsafePointer.value(result)) === address;
  function copyBackWritten(view: Uint8Array): boolean {
    let copied = 0;
    return scanner!.scan(address, view.length, (start, end) => {
      copied += end - start;
      if (copied > MAX_COPY_BYTES) return false;
      const imageEnd = Math.min(end, length);
      if (start < imageEnd) view.set(image.bytes.subarray(start, imageEnd), start);
      if (end > length) view.fill(0, Math.max(start, length), end);
      return true;
    });
  }
  return {
    reset() {
      const view = new Uint8Array(memory.buffer);
      if (!canRewind(view.length, { initialLength: length, isShrinkable })) return false;
      if (!isMapped) {
        view.set(image.bytes);
        view.fill(0, length);
        return true;
      }
      if (scanner && copyBackWritten(view)) return true;
      // Pages of the image come back from it; those behind it come back as zeroes.
      return libc.symbols.madvise(base, BigInt(view.length), MADV_DONTNEED) === 0;
    },
    close() {},
  };
}
