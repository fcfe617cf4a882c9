import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { UsageError } from "../../lib/errors.ts";
import { checkFiles, isInstalled } from "./find_program.ts";

Deno.test("isInstalled() looks into every directory of the path", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const directory = await Deno.makeTempDir();
  await Deno.writeTextFile(join(directory, "tool"), "");
  await Deno.mkdir(join(directory, "folder"));
  assert.equal(await isInstalled("tool", `/nowhere:${directory}`), true);
  assert.equal(await isInstalled("tool", "/nowhere:"), false);
  assert.equal(await isInstalled("folder", directory), false);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("checkFiles() names every file that is not there", async () => {
  const here = import.meta.filename!;
  await checkFiles({ "--a": here, "--b": undefined });
  await assert.rejects(
    checkFiles({ "--a": "/nowhere", "--b": dirname(here), "--c": here }),
    (error) => error instanceof UsageError && error.message.split("\n").length === 2,
  );
});
