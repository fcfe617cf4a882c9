import assert from "node:assert/strict";
import { dirname } from "node:path";
import { ManifestError } from "../../lib/errors.ts";
import { loadApp } from "./load_app.ts";
import type { LockedApp } from "./locked_app.ts";

const WASM = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

function manifest({ source = '"app.wasm"', component = "" } = {}): string {
  return `spin_manifest_version = 2
[application]
name = "app"
[[trigger.http]]
route = "/..."
component = "c"
[component.c]
source = ${source}
${component}`;
}

interface Root {
  /** Absolute path → text, or target of a link (`-> target`). */
  readonly files?: Readonly<Record<string, string>>;
  readonly toml?: string;
}

/** Loads the app of an image whose root is a directory beside one that nothing may be taken of. */
async function load(
  { files = {}, toml = manifest() }: Root,
  use: (app: LockedApp, root: string) => void | Promise<void> = () => {},
): Promise<void> {
  const directory = await Deno.realPath(await Deno.makeTempDir());
  const root = `${directory}/rootfs`;
  await Deno.mkdir(root);
  await Deno.writeTextFile(`${directory}/outside.wasm`, "secret");
  const all = { "/app.wasm": new TextDecoder().decode(WASM), "/spin.toml": toml, ...files };
  for (const [path, text] of Object.entries(all)) {
    await Deno.mkdir(`${root}${dirname(path)}`, { recursive: true });
    const target = text.startsWith("-> ") ? text.slice(3).replace("OUT", directory) : undefined;
    if (target !== undefined) await Deno.symlink(target, `${root}${path}`);
    else await Deno.writeTextFile(`${root}${path}`, text);
  }
  try {
    const { app } = await loadApp({ kind: "manifest", path: `${root}/spin.toml` }, {
      workingDir: `${directory}/work`,
      cacheDir: `${directory}/cache`,
      cwd: root,
      rootDir: root,
      directMounts: "where-possible",
    });
    await use(app, root);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const SOURCES: readonly [source: string, files: Record<string, string>, found: string][] = [
  ["app.wasm", {}, "/app.wasm"],
  ["/app.wasm", {}, "/app.wasm"],
  ["../../../app.wasm", {}, "/app.wasm"],
  ["sub/../app.wasm", { "/sub/x": "" }, "/app.wasm"],
  ["link.wasm", { "/link.wasm": "-> /deep/real.wasm", "/deep/real.wasm": "x" }, "/deep/real.wasm"],
  ["dir/a.wasm", { "/dir": "-> /other", "/other/a.wasm": "x" }, "/other/a.wasm"],
  ["up.wasm", { "/up.wasm": "-> ../../../../app.wasm" }, "/app.wasm"],
];

for (const [source, files, found] of SOURCES) {
  Deno.test(`loadApp() finds the source ${source} in the image's root`, async () => {
    const toml = manifest({ source: JSON.stringify(source) });
    await load({ files, toml }, (app, root) => {
      assert.equal(app.components[0]?.source.source, `file://${root}${found}`);
    });
  });
}

const OUTSIDE: readonly [what: string, root: Root][] = [
  ["a path that leads out", { toml: manifest({ source: '"../outside.wasm"' }) }],
  ["a link that leads out", { files: { "/l.wasm": "-> ../outside.wasm" } }],
  ["an absolute link to a file of the node", { files: { "/l.wasm": "-> OUT/outside.wasm" } }],
  ["a link to itself", { files: { "/l.wasm": "-> l.wasm" } }],
  ["a device of the node", { files: { "/l.wasm": "-> /dev/zero" } }],
];

for (const [what, { toml = manifest({ source: '"l.wasm"' }), files = {} }] of OUTSIDE) {
  Deno.test(`loadApp() takes nothing from outside of the image: ${what}`, async () => {
    await assert.rejects(
      load({ toml, files }),
      (error: unknown) =>
        error instanceof ManifestError &&
        /^spin\.toml:8:\d+: component "c": .* there is no such file in the image/.test(
          error.message,
        ),
    );
  });
}

function withFiles(files: string, more = ""): string {
  return manifest({ component: `files = ${files}\n${more}` });
}

const ASSETS = { "/static/a.txt": "a", "/static/sub/b.txt": "b", "/one.txt": "one" };

const DIRECT: readonly [files: string, path: string, source: string][] = [
  ['["static"]', "static", "/static"],
  ['["/static"]', "/static", "/static"],
  ['[{ source = "static", destination = "/www" }]', "/www", "/static"],
];

for (const [files, path, source] of DIRECT) {
  Deno.test(`loadApp() mounts whole directories as they are: ${files}`, async () => {
    await load({ files: ASSETS, toml: withFiles(files) }, (app, root) => {
      assert.deepEqual(app.components[0]?.files, [{ source: `file://${root}${source}`, path }]);
    });
  });
}

const COPIED: readonly [files: string, more: string, copies: string[]][] = [
  ['["one.txt"]', "", ["one.txt"]],
  ['["/one.txt"]', "", ["one.txt"]],
  ['["static/**/*.txt"]', "", ["static/a.txt", "static/sub/b.txt"]],
  ['["static", "one.txt"]', "", ["one.txt", "static/a.txt", "static/sub/b.txt"]],
  ['["static"]', 'exclude_files = ["**/b.txt"]', ["static/a.txt"]],
];

for (const [files, more, copies] of COPIED) {
  Deno.test(`loadApp() copies what is no whole directory: ${files} ${more}`, async () => {
    await load({ files: ASSETS, toml: withFiles(files, more) }, async (app, root) => {
      const directory = `${dirname(root)}/work/assets/c`;
      assert.deepEqual(app.components[0]?.files, [{ source: `file://${directory}`, path: "/" }]);
      const found = await Array.fromAsync(walk(directory));
      assert.deepEqual(found.sort(), copies);
    });
  });
}

async function* walk(directory: string, prefix = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (isDirectory) yield* walk(`${directory}/${name}`, `${prefix}${name}/`);
    else yield `${prefix}${name}`;
  }
}

const BAD_FILES: readonly [what: string, files: string, found: Record<string, string>][] = [
  ["a link to a file of the node", '["secret.txt"]', { "/secret.txt": "-> OUT/outside.wasm" }],
  ["a link to a directory of the node", '["secret"]', { "/secret": "-> OUT" }],
  ["such a link in a directory that is copied", '["static", "one.txt"]', {
    "/static/secret": "-> OUT/outside.wasm",
  }],
  ["a path that leads out", '["../outside.wasm"]', {}],
];

for (const [what, files, found] of BAD_FILES) {
  Deno.test(`loadApp() copies nothing from outside of the image: ${what}`, async () => {
    const toml = withFiles(files);
    await assert.rejects(
      load({ files: { ...ASSETS, ...found }, toml }),
      (error: unknown) => error instanceof ManifestError && /component "c"/.test(error.message),
    );
  });
}
