/**
 * What real containerds make of the configurations that the installer writes: every one of the corpus
 * that a containerd understands, it understands with our runtimes in it, and nothing else changes.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  otherDifferences,
  parseConfig,
  runtimesOf,
} from "../../installer/containerd_config/effective.ts";
import { readFileVersion } from "../../installer/containerd_config/file_version.ts";
import { findContainerds, unpackedDir } from "../support/containerd_versions.ts";

const CORPUS = fileURLToPath(new URL("../fixtures/containerd_configs/", import.meta.url));
const SHIM = "/opt/rcm/bin/containerd-shim-spin-v2";

/** Files that are no configuration alone, disable CRI, or name plugins that their version lacks. */
const INCOMPLETE: readonly string[] = [
  "docker_package.toml",
  "k0s_empty_drop_in.toml",
  "k0s_kwasm_drop_in.toml",
  "version_in_a_table.toml",
];

/** Whether a containerd reads runtimes from a file: 1.x knows versions 1 and 2, 2.1 versions 2 and 3. */
async function isUnderstood(name: string, isTwo: boolean): Promise<boolean> {
  const version = readFileVersion(await Deno.readTextFile(join(CORPUS, name))) ?? 1;
  return !INCOMPLETE.includes(name) && (isTwo ? version === 2 || version === 3 : version <= 2);
}

/** What containerd makes of a file; undefined: it does not understand it. */
async function dump(program: string, path: string) {
  const { success, stdout } = await new Deno.Command(program, {
    args: ["--config", path, "config", "dump"],
    stderr: "null",
  }).output();
  return success ? parseConfig(new TextDecoder().decode(stdout), program) : undefined;
}

async function listSamples(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(CORPUS)) if (name.endsWith(".toml")) names.push(name);
  return names.sort();
}

for (const { line, bin } of findContainerds(unpackedDir((name) => Deno.env.get(name)))) {
  Deno.test({
    name: `containerd ${line} accepts the configurations that it understands`,
    ignore: bin === "",
    fn: async () => {
      const program = `${bin}/containerd`;
      const isTwo = !line.startsWith("1.");
      let count = 0;
      for (const name of await listSamples()) {
        if (!await isUnderstood(name, isTwo)) continue;
        const before = await dump(program, join(CORPUS, name));
        if (before === undefined) continue;
        const after = await dump(program, join(CORPUS, "installed", name));
        assert.ok(after, `${name} is refused`);
        const runtimes = runtimesOf(after);
        assert.equal(runtimes["spin-v2"]?.runtime_type, SHIM, name);
        assert.equal(typeof runtimes["spin"]?.runtime_type, "string", name);
        // containerd 1.x has its own runc only where a file names no runtime: the installer adds it.
        const others = otherDifferences(before, after, { except: ["spin-v2", "spin"] })
          .filter((path) => isTwo || !/\.runtimes\.runc\./.test(path));
        assert.deepEqual(others, [], name);
        count++;
      }
      assert.ok(count > 30, `${count} are understood`);
    },
  });
}
