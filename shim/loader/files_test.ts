import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createTestApp, readTree, type TestApp } from "./_test_app.ts";
import { copyFiles, directMounts, planFiles } from "./files.ts";
import type { FileMount } from "./manifest.ts";

const APP = {
  "a.txt": "a",
  "b.md": "b",
  ".hidden": "h",
  "dir/c.txt": "c",
  "dir/.d": "d",
  "dir/sub/e.txt": "e",
  "dir/sub/f{1}.txt": "f",
  "other/g.txt": "g",
};

function mount(entry: string | [source: string, destination: string]): FileMount {
  return typeof entry === "string"
    ? { kind: "pattern", pattern: entry }
    : { kind: "placement", source: entry[0], destination: entry[1] };
}

async function place(
  app: TestApp,
  { files, exclude = [] }: { files: (string | [string, string])[]; exclude?: string[] },
): Promise<{ tree: string[]; problems: string[] }> {
  const problems: string[] = [];
  const targetDir = join(app.root, "assets");
  const plan = await planFiles(files.map(mount), {
    appDir: app.appDir,
    targetDir,
    excludeFiles: exclude,
    problem: (index, message) => problems.push(`${index}: ${message}`),
  });
  await copyFiles(plan, { targetDir, isOwned: true });
  return { tree: Object.keys(await readTree(targetDir)).sort(), problems };
}

const ALL_OF_DIR = ["dir/.d", "dir/c.txt", "dir/sub/e.txt", "dir/sub/f{1}.txt"];

const PLACEMENTS: [files: (string | [string, string])[], exclude: string[], tree: string[]][] = [
  [["a.txt"], [], ["a.txt"]],
  [["./a.txt"], [], ["a.txt"]],
  [["dir"], [], ALL_OF_DIR],
  [["dir/"], [], ALL_OF_DIR],
  [["*.txt"], [], ["a.txt"]],
  [["*"], [], [".hidden", "a.txt", "b.md"]],
  [["**/*.txt"], [], [
    "a.txt",
    "dir/c.txt",
    "dir/sub/e.txt",
    "dir/sub/f{1}.txt",
    "other/g.txt",
  ]],
  [["dir/**/*"], [], ALL_OF_DIR],
  [["dir/sub/f{1}*"], [], ["dir/sub/f{1}.txt"]],
  [["dir/?.txt", "dir/sub/[a-e].txt"], [], ["dir/c.txt", "dir/sub/e.txt"]],
  [["*.none"], [], []],
  [["dir"], ["*.txt"], ["dir/.d"]],
  [["dir"], ["dir/sub/*", "a.txt"], ["dir/.d", "dir/c.txt"]],
  [["dir"], ["**/e.txt"], ["dir/.d", "dir/c.txt", "dir/sub/f{1}.txt"]],
  [[["dir/sub", "/"]], [], ["e.txt", "f{1}.txt"]],
  [[["dir/sub", "x/y"]], ["dir/sub/e.txt"], ["x/y/f{1}.txt"]],
  [[["a.txt", "/deep/z.txt"], "b.md"], [], ["b.md", "deep/z.txt"]],
];

Deno.test("planFiles() takes what patterns and placements name", async () => {
  await using app = await createTestApp(APP);
  for (const [files, exclude, tree] of PLACEMENTS) {
    const placed = await place(app, { files, exclude });
    assert.deepEqual(placed, { tree, problems: [] }, JSON.stringify(files));
  }
});

const OUTSIDE = "cannot be mapped because it is outside the application directory. " +
  "Files must be within the application directory.";

Deno.test("planFiles() reports every mount that is wrong", async () => {
  await using app = await createTestApp(APP);
  const files: (string | [string, string])[] = [
    "",
    "..",
    "dir/.",
    "../x/*",
    "dir/../a.txt",
    "/etc/passwd",
    "nothing",
    ["nothing", "/"],
    ["../x", "/"],
    ["a.txt", "/"],
    ["a.txt", "dir/"],
    ["a.txt", "../../a.txt"],
  ];
  const { problems, tree } = await place(app, { files: ["b.md", ...files] });
  assert.deepEqual(tree, ["b.md"]);
  const expected = [
    "A file pattern cannot be empty",
    "A file pattern can't end in a parent directory path (..). If you",
    "A file pattern can't end in a current directory path (.). If you",
    `../x/* ${OUTSIDE}`,
    `dir/../a.txt ${OUTSIDE}`,
    `/etc/passwd ${OUTSIDE}`,
    `"nothing" does not exist and doesn't appear to be a glob pattern`,
    `File or directory "nothing" does not exist`,
    `../x ${OUTSIDE}`,
    `"/" is not a valid destination file name`,
    `"dir/" is not a valid destination file name`,
    `the destination "../../a.txt" must not contain ".."`,
  ];
  assert.equal(problems.length, expected.length, problems.join("\n"));
  problems.forEach((problem, i) =>
    assert.ok(problem.startsWith(`${i + 1}: ${expected[i]}`), problem)
  );
});

Deno.test("planFiles() follows links within the app only, and never in circles", async () => {
  await using app = await createTestApp(APP);
  await Deno.symlink("..", join(app.appDir, "dir/loop"));
  await Deno.symlink("../a.txt", join(app.appDir, "dir/link.txt"));
  await Deno.symlink("gone", join(app.appDir, "dir/dangling"));
  const inside = await place(app, { files: ["dir/link.txt", "dir/**/*.txt"], exclude: ["*loop*"] });
  assert.deepEqual(inside.problems, []);
  assert.ok(inside.tree.includes("dir/link.txt"));
  await Deno.writeTextFile(join(app.root, "secret"), "s");
  await Deno.symlink(join(app.root, "secret"), join(app.appDir, "other/leak"));
  await Deno.symlink(app.root, join(app.appDir, "up"));
  for (const files of [["other"], ["other/*"], ["other/leak"], ["up/*"], ["up/secret"]]) {
    const { tree, problems } = await place(app, { files });
    assert.deepEqual(tree, []);
    assert.match(problems[0]!, /leads out of the application directory through a symbolic link/);
  }
});

Deno.test("copyFiles() removes what an earlier run left", async () => {
  await using app = await createTestApp(APP);
  await place(app, { files: ["dir"] });
  assert.deepEqual((await place(app, { files: ["a.txt"] })).tree, ["a.txt"]);
});

Deno.test("directMounts() mounts directories as they are", async () => {
  await using app = await createTestApp(APP);
  const problems: string[] = [];
  const files = await directMounts([mount("dir"), mount(["other", "/x"]), mount("a.txt")], {
    appDir: app.appDir,
    problem: (index, message) => problems.push(`${index}: ${message}`),
  });
  assert.deepEqual(files, [
    { source: pathToFileURL(join(app.appDir, "dir")).href, path: "dir" },
    { source: pathToFileURL(join(app.appDir, "other")).href, path: "/x" },
  ]);
  assert.deepEqual(problems, [
    '2: Only directory mounts are supported with `--direct-mounts`; "a.txt" is not a directory.',
  ]);
});
