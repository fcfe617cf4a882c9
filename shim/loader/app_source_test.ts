import assert from "node:assert/strict";
import { join } from "node:path";
import { createTestApp } from "./_test_app.ts";
import { findAppSource, looksLikeRegistryReference } from "./app_source.ts";

Deno.test("findAppSource() finds manifests, directories and Wasm files", async () => {
  await using app = await createTestApp({
    "spin.toml": "",
    "other.toml": "",
    "x.wasm": "",
    "y.WAT": "",
    "deep/er/file": "",
    "repo/.git/HEAD": "",
    "registry.example/x:1": "",
  });
  const { appDir } = app;
  const manifest = { kind: "manifest", path: join(appDir, "spin.toml") };
  const cases: [from: string | undefined, cwd: string, expected: unknown][] = [
    [undefined, appDir, manifest],
    [undefined, join(appDir, "deep/er"), manifest],
    [".", appDir, manifest],
    ["..", join(appDir, "deep"), manifest],
    [appDir, "/", manifest],
    ["spin.toml", appDir, manifest],
    ["other.toml", appDir, { kind: "manifest", path: join(appDir, "other.toml") }],
    ["x.wasm", appDir, { kind: "wasm", path: join(appDir, "x.wasm") }],
    ["y.WAT", appDir, { kind: "wasm", path: join(appDir, "y.WAT") }],
    ["registry.example/x:1", appDir, {
      kind: "manifest",
      path: join(appDir, "registry.example/x:1"),
    }],
  ];
  for (const [from, cwd, expected] of cases) {
    assert.deepEqual(await findAppSource(from, cwd), expected, `from ${from}`);
  }
});

Deno.test("findAppSource() explains what it cannot find", async () => {
  await using app = await createTestApp({ "repo/.git/HEAD": "", "spin.toml": "" });
  const repo = join(app.appDir, "repo");
  const cases: [from: string | undefined, message: RegExp][] = [
    [
      undefined,
      /^Default file 'spin\.toml' not found\. Run `spin up --from <APPLICATION>`, or `spin up --help` for usage\.$/,
    ],
    [".", /^Directory \. does not contain a file named 'spin\.toml'\./],
    [
      "nope.toml",
      /^File or directory 'nope\.toml' not found\. If you meant to load from a registry, use the `--from-registry` option\.$/,
    ],
    ["spin.toml/x", /^File or directory 'spin\.toml\/x' not found|registry reference/],
    ["a\0b", /^File or directory/],
    [
      "registry.example/app:v1",
      /^Cannot load 'registry\.example\/app:v1': it is a registry reference/,
    ],
  ];
  for (const [from, message] of cases) {
    await assert.rejects(findAppSource(from, repo), { name: "TerminalError", message }, from);
  }
});

Deno.test("looksLikeRegistryReference() wants a tag, a digest or a registry", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const references = [
    "registry.example/app",
    "registry.example:5000/app",
    "localhost/app",
    "localhost:5000/a/b/c:v1",
    "app:v1",
    "app:latest",
    "user/app:v1",
    `user/app@${digest}`,
    `registry.example/app:v1@${digest}`,
  ];
  for (const text of references) assert.ok(looksLikeRegistryReference(text), text);
  const others = ["app", "user/app", "./app", "../x", "/abs", "App:v1", "a b:c", "x:", "", "C:\\x"];
  for (const text of others) assert.ok(!looksLikeRegistryReference(text), text);
});
