import assert from "node:assert/strict";
import { prefixLines } from "./prefix_lines.ts";

const CASES: readonly (readonly [chunks: readonly string[], text: string])[] = [
  [[], ""],
  [["a\n"], "> a\n"],
  [["a\n\nb"], "> a\n> \n> b\n"],
  [["a", "b\nc", "\n"], "> ab\n> c\n"],
];

for (const [chunks, text] of CASES) {
  Deno.test(`prefixLines() of ${JSON.stringify(chunks)}`, async () => {
    const encoder = new TextEncoder();
    const stream = ReadableStream.from(chunks.map((chunk) => encoder.encode(chunk)))
      .pipeThrough(prefixLines("> "));
    const written: string[] = [];
    for await (const chunk of stream) written.push(new TextDecoder().decode(chunk));
    assert.equal(written.join(""), text);
    assert.ok(written.every((line) => line.endsWith("\n")));
  });
}
