import assert from "node:assert/strict";
import { join } from "node:path";
import { findManifest } from "./find_manifest.ts";

/** A directory with `app/spin.toml`, `app/deep/er` and `empty/.git`. */
async function withDirectories(use: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(join(root, "app/deep/er"), { recursive: true });
    await Deno.mkdir(join(root, "empty/.git"), { recursive: true });
    await Deno.writeTextFile(join(root, "app/spin.toml"), "");
    await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const FOUND: readonly (readonly [cwd: string, from: string | undefined, isTold: boolean])[] = [
  ["app", undefined, false],
  ["app/deep/er", undefined, true],
  ["empty", "../app", false],
  ["empty", "../app/spin.toml", false],
];

for (const [cwd, from, isTold] of FOUND) {
  Deno.test(`findManifest() finds ${from ?? "the manifest"} from ${cwd}`, async () => {
    await withDirectories(async (root) => {
      const lines: string[] = [];
      const report = (line: string): void => void lines.push(line);
      const { path } = await findManifest(from, { cwd: join(root, cwd), report });
      assert.equal(path, join(root, "app/spin.toml"));
      const notice = "No 'spin.toml' in current directory. Using 'spin.toml' from parent " +
        `directory (${path})`;
      assert.deepEqual(lines, isTold ? [notice] : []);
    });
  });
}

const REFUSED: readonly (readonly [from: string | undefined, message: RegExp])[] = [
  [undefined, /^"spin\.toml" not found\. /],
  [".", /^Directory \. does not contain a file named 'spin\.toml'\. /],
  ["nowhere", /^File or directory 'nowhere' not found\./],
];

for (const [from, message] of REFUSED) {
  Deno.test(`findManifest() refuses ${from ?? "a directory without an app"}`, async () => {
    await withDirectories(async (root) => {
      const options = { cwd: join(root, "empty"), report: (line: string) => assert.fail(line) };
      await assert.rejects(findManifest(from, options), { name: "TerminalError", message });
    });
  });
}
