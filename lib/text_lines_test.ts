import assert from "node:assert/strict";
import { linesOf } from "./text_lines.ts";

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  // One piece of memory for all of them, as readers have it.
  const chunk = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    chunk.set(part);
    yield chunk.subarray(0, part.length);
  }
}

Deno.test("linesOf() gives the lines of text that is cut anywhere", async () => {
  const text = "erste Zeile\n\n  \nzweite: ✓ und ü\r\nletzte";
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= bytes.length; size++) {
    assert.deepEqual(
      await Array.fromAsync(linesOf(inChunks(bytes, size))),
      ["erste Zeile", "zweite: ✓ und ü\r", "letzte"],
      `chunks of ${size}`,
    );
  }
  assert.deepEqual(await Array.fromAsync(linesOf(inChunks(new Uint8Array(), 1))), []);
});
