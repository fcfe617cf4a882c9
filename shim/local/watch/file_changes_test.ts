import assert from "node:assert/strict";
import { join } from "node:path";
import { FileChanges } from "./file_changes.ts";

async function withChanges(
  action: (changes: FileChanges, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const stop = new AbortController();
  const changes = new FileChanges({
    debounceMs: 20,
    isRelevant: (path) => path.endsWith(".txt") || path.includes("~"),
    signal: stop.signal,
    report: (line) => assert.fail(line),
  });
  try {
    await action(changes, directory);
    const last = changes.next();
    stop.abort();
    assert.equal(await last, undefined);
  } finally {
    changes[Symbol.dispose]();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("FileChanges.next() gathers what changes until there is a pause", async () => {
  await withChanges(async (changes, directory) => {
    await Deno.mkdir(join(directory, "tree"));
    changes.watch({ trees: [join(directory, "tree")], directories: [directory] });
    await Deno.mkdir(join(directory, "tree", "deep"));
    await Deno.writeTextFile(join(directory, "a.bin"), "not asked for");
    await Deno.writeTextFile(join(directory, "a.txt~"), "of an editor");
    await Deno.writeTextFile(join(directory, "tree", "b.txt"), "b");
    await Deno.writeTextFile(join(directory, "a.txt"), "a");
    assert.deepEqual([...(await changes.next())!].sort(), [
      join(directory, "a.txt"),
      join(directory, "tree", "b.txt"),
    ]);
  });
});

Deno.test("FileChanges.watch() sees a directory that is made later through the one above", async () => {
  await withChanges(async (changes, directory) => {
    const later = join(directory, "later.txt");
    changes.watch({ trees: [], directories: [later] });
    await Deno.mkdir(later);
    assert.deepEqual([...(await changes.next())!], [later]);
  });
});

Deno.test("FileChanges.next() names files by the directory that was asked for", async () => {
  await withChanges(async (changes, directory) => {
    await Deno.mkdir(join(directory, "real"));
    await Deno.symlink(join(directory, "real"), join(directory, "link"));
    changes.watch({ trees: [join(directory, "link")], directories: [] });
    await Deno.writeTextFile(join(directory, "real", "a.txt"), "a");
    assert.deepEqual([...(await changes.next())!], [join(directory, "link", "a.txt")]);
  });
});
