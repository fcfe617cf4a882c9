import assert from "node:assert/strict";
import { fileToEdit, importPatterns, isImported, replaceImports } from "./imports.ts";

const MAIN = {
  path: "/etc/containerd/config.toml",
  text: 'version = 2\nimports = ["conf.d/*.toml", "/x/a.toml"]\n',
};
const CRI = 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n';

Deno.test("importPatterns() resolves against the file", () => {
  assert.deepEqual(importPatterns(MAIN), ["/etc/containerd/conf.d/*.toml", "/x/a.toml"]);
  assert.deepEqual(importPatterns({ ...MAIN, text: "[a]\nimports = ['x']\n" }), []);
  assert.deepEqual(importPatterns({ ...MAIN, text: "imports = 5\n" }), []);
});

Deno.test("isImported() matches as Go's globs do", () => {
  const pattern = "/etc/containerd/conf.d/*.toml";
  assert.ok(isImported(pattern, "/etc/containerd/conf.d/99-nvidia.toml"));
  assert.ok(isImported(pattern, "/etc/containerd/conf.d/.hidden.toml"));
  assert.ok(!isImported(pattern, "/etc/containerd/conf.d/a.toml.rcm-1.bak"));
  assert.ok(!isImported(pattern, "/etc/containerd/conf.d/deep/a.toml"));
});

Deno.test("fileToEdit() takes the last file with settings of CRI", () => {
  const a = { path: "/a.toml", text: CRI };
  const b = { path: "/b.toml", text: 'version = 2\n[plugins."io.containerd.gc.v1.scheduler"]\n' };
  assert.equal(fileToEdit([MAIN, a, b]), a);
  assert.equal(fileToEdit([MAIN, b]), MAIN);
  const inline = { path: "/c.toml", text: "plugins = { cri = { } }\n" };
  assert.equal(fileToEdit([MAIN, a, inline]), inline);
});

Deno.test("replaceImports() changes nothing else", () => {
  assert.equal(replaceImports(MAIN.text, ["/t/a.toml"]), 'version = 2\nimports = ["/t/a.toml"]\n');
  assert.equal(replaceImports("version = 2\n", []), undefined);
});
