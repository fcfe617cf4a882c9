import assert from "node:assert/strict";
import { join } from "node:path";
import { HostFiles } from "./host_files.ts";

/** A root with files, links (`-> target`) and directories (undefined). */
async function withRoot(
  entries: Readonly<Record<string, string | undefined>>,
  check: (files: HostFiles, root: string) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    for (const [path, text] of Object.entries(entries)) {
      const real = join(root, path);
      await Deno.mkdir(text === undefined ? real : join(real, ".."), { recursive: true });
      if (text?.startsWith("-> ")) await Deno.symlink(text.slice(3), real);
      else if (text !== undefined) await Deno.writeTextFile(real, text);
    }
    await check(new HostFiles(root), root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("HostFiles follows links inside the root", async () => {
  await withRoot({
    "/var/data/config.toml": "inside",
    "/etc/absolute": "-> /var/data",
    "/etc/relative": "-> ../var/./data",
    "/etc/out": "-> ../../../../../../../../etc",
    "/etc/passwd": "the node's",
    "/loop": "-> /loop",
    "/dangling": "-> /nowhere",
  }, async (files, root) => {
    for (const name of ["absolute", "relative"]) {
      assert.equal(await files.readText(`/etc/${name}/config.toml`), "inside");
      assert.equal(await files.follow(`/etc/${name}/config.toml`), "/var/data/config.toml");
    }
    assert.equal(await files.readText("/etc/out/passwd"), "the node's");
    assert.equal(await files.resolve("/etc/../../.."), root);
    await assert.rejects(files.resolve("/loop/x"), /Too many links/);
    assert.equal(await files.exists("/dangling"), false);
    assert.equal(await files.ownKind("/dangling"), "link");
    assert.equal(await files.readText("/etc/passwd/x"), undefined);
    assert.deepEqual(await files.list("/nowhere"), []);
  });
});

Deno.test("HostFiles.writeText() replaces the file behind a link, and leaves nothing else", async () => {
  await withRoot({ "/a/real": "old", "/b/link": "-> /a/real" }, async (files, root) => {
    await Deno.chmod(join(root, "a/real"), 0o600);
    await files.writeText("/b/link", "new");
    assert.equal(await Deno.readTextFile(join(root, "a/real")), "new");
    assert.equal((await Deno.stat(join(root, "a/real"))).mode! & 0o777, 0o600);
    assert.equal(await files.readLink("/b/link"), "/a/real");
    assert.deepEqual([await files.list("/a"), await files.list("/b")], [["real"], ["link"]]);
    await files.writeText("/a/fresh", "x");
    assert.equal((await Deno.stat(join(root, "a/fresh"))).mode! & 0o777, 0o644);
  });
});

Deno.test("HostFiles.writeText() leaves the old text when it fails", async () => {
  await withRoot({ "/a/directory/file": "x" }, async (files) => {
    await assert.rejects(files.writeText("/a/directory", "text"));
    assert.deepEqual(await files.list("/a"), ["directory"]);
    await assert.rejects(files.writeText("/missing/file", "text"));
  });
});

Deno.test("HostFiles.link(), rename() and remove() do not follow the last link", async () => {
  await withRoot({ "/real": "x", "/link": "-> /real" }, async (files) => {
    await files.link("/link", "/other");
    assert.equal(await files.readLink("/link"), "/other");
    await files.rename("/link", "/moved");
    assert.equal(await files.readLink("/moved"), "/other");
    await files.link("/moved", "/real");
    await files.remove("/moved");
    await files.remove("/moved");
    assert.equal(await files.readText("/real"), "x");
  });
});

Deno.test("HostFiles.tryLock() keeps others away until it is closed", async () => {
  await withRoot({}, async (files) => {
    const held = await files.tryLock("/lock");
    assert.ok(held);
    assert.equal(await files.tryLock("/lock"), undefined);
    held[Symbol.dispose]();
    using again = await files.tryLock("/lock");
    assert.ok(again);
  });
});
