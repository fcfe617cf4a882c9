import assert from "node:assert/strict";
import { removeIfThere, removeIfThereSync } from "./remove_if_there.ts";

const FORMS = [
  ["removeIfThere", removeIfThere],
  [
    "removeIfThereSync",
    (...args: Parameters<typeof removeIfThereSync>) =>
      Promise.try(() => removeIfThereSync(...args)),
  ],
] as const;

for (const [name, remove] of FORMS) {
  Deno.test(`${name}() removes what is there, and nothing else`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      const file = `${directory}/a`;
      await Deno.writeTextFile(file, "a");
      await remove(file);
      await remove(file);
      assert.deepEqual([...Deno.readDirSync(directory)], []);
      await Deno.mkdir(`${directory}/b/c`, { recursive: true });
      // Only what is absent is fine.
      await assert.rejects(remove(`${directory}/b`), Error);
      await remove(`${directory}/b`, { recursive: true });
      assert.deepEqual([...Deno.readDirSync(directory)], []);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}
