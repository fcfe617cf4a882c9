import assert from "node:assert/strict";
import { seededRandom } from "./_wat_fixture.ts";
import { readComponent } from "./component_binary.ts";
import { limitMemory } from "./memory_limit.ts";
import { readModule } from "./module_info.ts";
import { rewriteModule } from "./rewrite.ts";

const APPS = new URL("../../../tests/fixtures/apps/", import.meta.url);

/** A damaged copy: bytes changed, removed, doubled, or the end cut off. */
function mutate(source: Uint8Array, random: () => number): Uint8Array {
  const bytes = [...source.subarray(0, 8)];
  let rest = source.slice(8);
  for (let changes = 1 + Math.floor(random() * 4); changes > 0; changes--) {
    // Most interesting bytes are in the declarations, near the front.
    const reach = random() < 0.5 ? Math.min(rest.length, 2_000) : rest.length;
    const at = Math.floor(random() * reach);
    const kind = Math.floor(random() * 5);
    if (kind <= 1) rest[at] = random() * 256;
    else if (kind === 2) rest = rest.slice(0, at);
    else if (kind === 3) rest = join(rest.subarray(0, at), rest.subarray(at + 1));
    else rest = join(rest.subarray(0, at + 1), rest.subarray(at));
  }
  return join(Uint8Array.from(bytes), rest);
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** Runs `read` on damaged copies; a `RangeError` is the only failure it may have. */
function fuzz(
  source: Uint8Array,
  options: { rounds: number; read: (bytes: Uint8Array) => void },
): void {
  const seed = (Date.now() ^ source.length) >>> 0;
  const random = seededRandom(seed);
  for (let round = 0; round < options.rounds; round++) {
    const bytes = mutate(source, random);
    try {
      options.read(bytes);
    } catch (error) {
      assert.ok(
        error instanceof RangeError && !/call stack|array length/i.test(error.message),
        `seed ${seed}, round ${round}: ${error}`,
      );
    }
  }
}

Deno.test("readModule() refuses damaged modules with RangeError", async () => {
  const source = await Deno.readFile(new URL("torture/dist/torture-core.wasm", APPS));
  fuzz(source, { rounds: 400, read: readModule });
});

Deno.test("limitMemory() refuses damaged modules with RangeError", async () => {
  const source = await Deno.readFile(new URL("torture/dist/torture-core.wasm", APPS));
  fuzz(source, { rounds: 400, read: (bytes) => void limitMemory(bytes, 100) });
});

Deno.test("readComponent() refuses damaged components with RangeError", async () => {
  const source = await Deno.readFile(new URL("torture/dist/torture.wasm", APPS));
  fuzz(source, { rounds: 400, read: readComponent });
});

Deno.test("rewriteModule() makes valid modules of all that V8 takes", async () => {
  const source = await Deno.readFile(new URL("torture/dist/torture-core.wasm", APPS));
  const seed = Date.now() >>> 0;
  let valid = 0;
  fuzz(source, {
    rounds: 150,
    read(bytes) {
      if (!WebAssembly.validate(bytes as BufferSource)) {
        rewriteModule(bytes);
        return;
      }
      valid++;
      assert.ok(WebAssembly.validate(rewriteModule(bytes).bytes), `near seed ${seed}`);
    },
  });
  // A changed constant or a changed byte of data leaves a module valid; that happens often enough.
  assert.ok(valid > 0, `seed near ${seed}`);
});
