import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createCopyResetter, type MemoryResetter } from "./reset_copy.ts";
import { openCopyOnWrite } from "./reset_copy_on_write.ts";

const PAGE = 65536;

function filled(pages: number, value: (offset: number) => number): WebAssembly.Memory {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages + 4 });
  const bytes = new Uint8Array(memory.buffer);
  for (let offset = 0; offset < bytes.length; offset += 1000) bytes[offset] = value(offset);
  return memory;
}

function bytesOf(memory: WebAssembly.Memory): Uint8Array {
  return new Uint8Array(memory.buffer);
}

interface Way {
  create(
    initial: readonly WebAssembly.Memory[],
    isShrinkable?: boolean,
  ): MemoryResetter | undefined;
  close(): void;
}

const WAYS: Record<string, () => Way | undefined> = {
  copy: () => ({
    create: (initial, isShrinkable = false) => createCopyResetter({ initial, isShrinkable }),
    close() {},
  }),
  "copy-on-write": () => {
    const copyOnWrite = openCopyOnWrite();
    return copyOnWrite &&
      {
        create: (initial, isShrinkable = false) =>
          copyOnWrite.createResetter({ initial, isShrinkable }),
        close: () => copyOnWrite.close(),
      };
  },
};

Deno.test("MemoryReset.reset() puts back every byte of every memory", async (t) => {
  const writes: Record<string, (bytes: Uint8Array) => void> = {
    nothing: () => {},
    "one byte": (bytes) => bytes[70_000] = 1,
    "the first and the last byte": (bytes) => {
      bytes[0] = 9;
      bytes[bytes.length - 1] = 9;
    },
    "every page": (bytes) => bytes.fill(0xaa),
    "scattered pages": (bytes) => {
      for (let offset = 123; offset < bytes.length; offset += 12_345) bytes[offset] = 7;
    },
  };
  for (const [name, open] of Object.entries(WAYS)) {
    const way = open();
    await t.step({
      name,
      ignore: !way,
      fn: () => {
        const initial = [
          filled(3, (offset) => offset % 251),
          filled(0, () => 0),
          filled(80, () => 5),
        ];
        const images = initial.map((memory) => bytesOf(memory).slice());
        const resetter = way!.create(initial)!;
        assert.equal(resetter.name, name);
        const adopted = [
          initial,
          [filled(3, (offset) => offset % 251), filled(0, () => 0), filled(80, () => 5)],
        ].map((memories) => ({ memories, reset: resetter.adopt(memories) }));
        for (const [what, write] of Object.entries(writes)) {
          for (const { memories, reset } of adopted) {
            for (const memory of memories) if (memory.buffer.byteLength > 0) write(bytesOf(memory));
            assert.ok(reset.reset(), what);
            memories.forEach((memory, index) =>
              assert.equal(Buffer.compare(bytesOf(memory), images[index]!), 0, what)
            );
          }
        }
        for (const { reset } of adopted) reset.close();
        resetter.close();
        way!.close();
      },
    });
  }
});

Deno.test("MemoryReset.reset() keeps instances apart", async (t) => {
  for (const [name, open] of Object.entries(WAYS)) {
    const way = open();
    await t.step({
      name,
      ignore: !way,
      fn: () => {
        const [first, second] = [filled(1, () => 1), filled(1, () => 1)];
        const resetter = way!.create([first!])!;
        const resets = [first!, second!].map((memory) => resetter.adopt([memory]));
        bytesOf(first!)[0] = 42;
        assert.equal(bytesOf(second!)[0], 1);
        bytesOf(second!)[0] = 43;
        assert.ok(resets[0]!.reset());
        assert.deepEqual([bytesOf(first!)[0], bytesOf(second!)[0]], [1, 43]);
        resetter.close();
        way!.close();
      },
    });
  }
});

Deno.test("MemoryReset.reset() clears what a shrinkable memory grew by", async (t) => {
  for (const [name, open] of Object.entries(WAYS)) {
    const way = open();
    await t.step({
      name,
      ignore: !way,
      fn: () => {
        const memory = new WebAssembly.Memory({ initial: 2, maximum: 1000 });
        bytesOf(memory).fill(3);
        const resetter = way!.create([memory], true)!;
        const reset = resetter.adopt([memory]);
        for (const pages of [1, 0, 40]) {
          memory.grow(pages);
          bytesOf(memory).fill(9);
          assert.ok(reset.reset());
          const bytes = Buffer.from(memory.buffer);
          assert.ok(bytes.subarray(0, 2 * PAGE).every((byte) => byte === 3));
          assert.ok(bytes.subarray(2 * PAGE).every((byte) => byte === 0));
        }
        memory.grow(600);
        assert.ok(!reset.reset(), "too much to keep");
        resetter.close();
        way!.close();
      },
    });
  }
});

Deno.test("MemoryReset.reset() refuses another memory that grew", async (t) => {
  for (const [name, open] of Object.entries(WAYS)) {
    const way = open();
    await t.step({
      name,
      ignore: !way,
      fn: () => {
        for (const pages of [0, 2]) {
          const memory = filled(pages, () => 1);
          const resetter = way!.create([memory])!;
          const reset = resetter.adopt([memory]);
          assert.ok(reset.reset());
          memory.grow(1);
          bytesOf(memory)[pages * PAGE] = 1;
          assert.ok(!reset.reset());
          resetter.close();
        }
        way!.close();
      },
    });
  }
});
