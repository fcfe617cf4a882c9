import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { readGuest } from "./_guest_fixture.ts";
import { sha256Hex } from "./artifact.ts";
import { prepareComponent } from "./prepare.ts";
import { entryName, writeEntry } from "./prepared_store.ts";
import { prepare } from "./preparer.ts";

const TORTURE = new URL("../../tests/fixtures/apps/torture/dist/torture.wasm", import.meta.url);

async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function unexpected(): never {
  throw new Error("not expected to be called");
}

Deno.test("prepare() takes what is in the store, without a process", async () => {
  await withDirectory(async (cacheDir) => {
    const source = await readGuest("torture");
    const entry = `${cacheDir}/prepared/${entryName(await sha256Hex(source))}`;
    await writeEntry(entry, await prepareComponent(source));
    const { directory, manifest } = await prepare(TORTURE.pathname, {
      component: "torture",
      cacheDir,
      fallbackDir: unexpected,
      report: unexpected,
    });
    assert.equal(directory, entry);
    assert.ok(manifest.exports.includes("wasi:http/incoming-handler@0.2.3"));
  });
});

Deno.test("prepare() names the component whose source cannot be read", async () => {
  await withDirectory(async (cacheDir) => {
    const path = `${cacheDir}/absent.wasm`;
    const attempt = prepare(path, {
      component: "hello",
      cacheDir,
      fallbackDir: unexpected,
      report: unexpected,
    });
    await assert.rejects(attempt, (error: unknown) => {
      assert.ok(error instanceof TerminalError);
      assert.equal(error.reason, "UnreadableSource");
      assert.ok(
        error.message.startsWith(`Cannot read "${path}", the source of component "hello": `),
        error.message,
      );
      return true;
    });
  });
});
