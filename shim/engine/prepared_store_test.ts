import assert from "node:assert/strict";
import { chainComponents, middlewareComponent } from "../../tests/support/spin_compositions.ts";
import { prepareComponent, type PreparedFiles } from "./prepare.ts";
import { entryName, isReadOnly, readEntry, writeEntry } from "./prepared_store.ts";
import { sha256Hex } from "./artifact.ts";

const TORTURE = new URL("../../tests/fixtures/apps/torture/dist/torture.wasm", import.meta.url);

async function withStore(
  test: (store: { directory: string; files: PreparedFiles }) => Promise<void>,
): Promise<void> {
  const source = await Deno.readFile(TORTURE);
  const parent = await Deno.makeTempDir();
  try {
    const directory = `${parent}/prepared/${entryName(await sha256Hex(source))}`;
    await test({ directory, files: await prepareComponent(source) });
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

Deno.test("writeEntry() and readEntry() round-trip a prepared component", async () => {
  await withStore(async ({ directory, files }) => {
    assert.equal(await readEntry(directory), undefined);
    await writeEntry(directory, files);
    const entry = await readEntry(directory);
    assert.equal(entry?.manifest.notResettable, undefined);
    assert.ok(entry?.manifest.exports.includes("wasi:http/incoming-handler@0.2.3"));
    assert.deepEqual([...entry!.files.keys()].sort(), [
      "component.core.wasm",
      "component.core2.wasm",
      "component.core3.wasm",
      "component.core4.wasm",
    ]);
  });
});

Deno.test("readEntry() reads the middleware of an entry, and notices if it is damaged", async () => {
  const components = ["header-adder", "kv-stasher", "echo"] as const;
  const chain = chainComponents(await Promise.all(components.map(middlewareComponent)));
  const directory = await Deno.makeTempDir();
  try {
    const entry = `${directory}/entry`;
    const files = await prepareComponent(chain);
    await writeEntry(entry, files);
    const { manifest, middleware } = (await readEntry(entry))!;
    assert.deepEqual(manifest.middleware, ["middleware-1", "middleware-2"]);
    assert.deepEqual(
      middleware?.map(({ manifest, files }) => [
        manifest.source,
        manifest.imports.includes("spin:key-value/key-value@3.0.0"),
        files.size === manifest.modules.length,
      ]),
      [[manifest.source, false, true], [manifest.source, true, true]],
    );
    await Deno.remove(`${entry}/middleware-2/component.js`);
    assert.equal(await readEntry(entry), undefined);
    await writeEntry(entry, files);
    assert.equal((await readEntry(entry))?.middleware?.length, 2);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("readEntry() notices damage, and writeEntry() mends it", async (t) => {
  const damages: Record<string, (directory: string) => Promise<void>> = {
    "a flipped byte": async (directory) => {
      const path = `${directory}/component.core.wasm`;
      const bytes = await Deno.readFile(path);
      bytes[1000]! ^= 1;
      await Deno.writeFile(path, bytes);
    },
    "a missing file": (directory) => Deno.remove(`${directory}/component.js`),
    "a cut manifest": (directory) => Deno.truncate(`${directory}/manifest.json`, 100),
    "an empty manifest": (directory) => Deno.writeTextFile(`${directory}/manifest.json`, "{}"),
    "another engine's entry": async (directory) => {
      const path = `${directory}/manifest.json`;
      const text = await Deno.readTextFile(path);
      await Deno.writeTextFile(path, text.replace(/"engine": "[^"]*"/, '"engine": "0"'));
    },
  };
  await withStore(async ({ directory, files }) => {
    for (const [name, damage] of Object.entries(damages)) {
      await t.step(name, async () => {
        await writeEntry(directory, files);
        await damage(directory);
        assert.equal(await readEntry(directory), undefined);
        const isTaken = await readEntry(directory, { isTrusted: true }) !== undefined;
        assert.equal(isTaken, name === "a flipped byte", "what is trusted is not verified");
        await writeEntry(directory, files);
        assert.ok(await readEntry(directory));
      });
    }
  });
});

Deno.test("writeEntry() by several at once ends with one good entry", async () => {
  await withStore(async ({ directory, files }) => {
    await Promise.all(Array.from({ length: 6 }, () => writeEntry(directory, files)));
    assert.ok(await readEntry(directory));
    const parent = directory.slice(0, directory.lastIndexOf("/"));
    const names = [...Deno.readDirSync(parent)].map((entry) => entry.name);
    assert.equal(names.length, 1, names.join(" "));
  });
});

Deno.test("writeEntry() explains a store that is a file", async () => {
  await withStore(async ({ directory, files }) => {
    const parent = directory.slice(0, directory.lastIndexOf("/"));
    await Deno.mkdir(parent.slice(0, parent.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(parent, "in the way");
    await assert.rejects(writeEntry(directory, files), (error: Error) => {
      assert.match(error.message, /Cannot keep the prepared component in .*--cache-dir/);
      return true;
    });
  });
});

Deno.test("isReadOnly() tells a store that cannot be written from one that is full", () => {
  assert.ok(isReadOnly(Object.assign(new Error(), { code: "EROFS" })));
  assert.ok(!isReadOnly(Object.assign(new Error(), { code: "ENOSPC" })));
});
