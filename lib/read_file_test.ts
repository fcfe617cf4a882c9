import assert from "node:assert/strict";
import { join } from "node:path";
import { readWholeFile } from "./read_file.ts";

Deno.test("readWholeFile() returns what was written", async (t) => {
  const directory = await Deno.makeTempDir();
  for (const size of [0, 1, 4_096, 3_000_001]) {
    await t.step(`${size} bytes`, async () => {
      const path = join(directory, String(size));
      const bytes = Uint8Array.from({ length: size }, (_, index) => index * 31);
      await Deno.writeFile(path, bytes);
      assert.deepEqual(await readWholeFile(path), bytes);
    });
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("readWholeFile() throws NotFound when there is no file", async () => {
  await assert.rejects(readWholeFile("/nowhere/at/all"), Deno.errors.NotFound);
});
