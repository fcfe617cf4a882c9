import assert from "node:assert/strict";
import { join } from "node:path";
import { readWatchPlan } from "./watch_plan.ts";

const MANIFEST = `spin_manifest_version = 2
[application]
name = "a"
[[trigger.http]]
route = "/..."
component = "a"
[component.a]
source = "target/a.wasm"
files = ["assets/*.txt", { source = "static", destination = "/s" }]
[component.a.build]
command = "make"
workdir = "code"
watch = ["src/**/*.rs", "Cargo.toml", "wit"]
[component.b]
source = "b.wasm"
[component.b.build]
command = "make b"
`;

Deno.test("readWatchPlan() finds out what a file is for", async (t) => {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "spin.toml");
    await Deno.writeTextFile(path, MANIFEST);
    await Deno.mkdir(join(directory, "static"));
    await Deno.mkdir(join(directory, "code", "wit"), { recursive: true });
    const plan = await readWatchPlan({ kind: "manifest", path }, { cwd: directory });
    const cases: readonly (readonly [path: string, builds: string[], isContent: boolean])[] = [
      ["code/src/lib.rs", ["a"], false],
      ["code/src/deep/.hidden.rs", ["a"], false],
      ["code/src/notes.txt", [], false],
      ["code/Cargo.toml", ["a"], false],
      ["code/wit/world.wit", ["a"], false],
      ["src/lib.rs", [], false],
      ["assets/a.txt", [], true],
      ["assets/deep/a.txt", [], false],
      ["static/deep/page.html", [], true],
      ["target/a.wasm", [], true],
      ["b.wasm", [], true],
    ];
    for (const [name, builds, isContent] of cases) {
      await t.step(name, () => {
        assert.deepEqual(plan.buildsFor(join(directory, name)), builds);
        assert.equal(plan.isContent(join(directory, name)), isContent);
      });
    }
    assert.deepEqual(plan.unwatched, ["b"]);
    assert.deepEqual([...plan.builds.keys()], ["a", "b"]);
    assert.deepEqual(plan.trees.map((tree) => tree.slice(directory.length + 1)).sort(), [
      "assets",
      "code/src",
      "code/wit",
      "static",
    ]);
    assert.ok(plan.directories.includes(join(directory, "target")));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
