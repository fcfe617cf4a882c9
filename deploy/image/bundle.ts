/**
 * `deno task bundle`: the program as a directory that runs wherever Deno does, without network and
 * without this source tree:
 *
 * ```
 * dist/spinkube                  launcher
 * dist/containerd-shim-spin-v2   launcher, in the mode that containerd wants
 * dist/app/                      main module, one chunk per mode, the binding generators' Wasm
 * dist/lib/                      WASI adapters, where the binding generator looks for them
 * ```
 *
 * The directory may be moved. Deno is taken from `SPINKUBE_DENO`, from the directory itself, or from
 * the `PATH`.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { preview1AdapterReactorPath } from "@bytecodealliance/jco";
import { removeIfThere } from "../../lib/remove_if_there.ts";
import { DENO_FLAGS } from "../../lib/self_command.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Launcher → the words it puts before the user's. */
const LAUNCHERS: Readonly<Record<string, string>> = {
  "spinkube": "",
  "containerd-shim-spin-v2": " shim",
};

/**
 * Builds the bundle. An older one in its place is replaced when the new one is complete.
 * @throws {Error} if `deno bundle` fails, with what it said.
 */
export async function buildBundle(outDir: string): Promise<void> {
  const parent = dirname(outDir);
  await Deno.mkdir(parent, { recursive: true });
  const unfinished = await Deno.makeTempDir({ dir: parent, prefix: ".bundle-" });
  try {
    await bundleModules(join(unfinished, "app"));
    await loadRequireLazily(join(unfinished, "app"));
    await hideDynamicImports(join(unfinished, "app"));
    await copyWasm(unfinished);
    await moveAsyncWasm(join(unfinished, "app"));
    for (const [name, mode] of Object.entries(LAUNCHERS)) {
      await Deno.writeTextFile(join(unfinished, name), launcher(mode), { mode: 0o755 });
    }
    await Deno.chmod(unfinished, 0o755);
    await removeIfThere(outDir, { recursive: true });
    await Deno.rename(unfinished, outDir);
  } finally {
    await removeIfThere(unfinished, { recursive: true });
  }
}

/**
 * Not minified: the minifier puts the value of a `using` declaration in the place where it is used
 * and forgets to dispose it. Stack traces stay readable as well; the size matters little.
 */
async function bundleModules(outDir: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--platform=deno",
      "--code-splitting",
      `--outdir=${outDir}`,
      "main.ts",
    ],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot bundle: ${new TextDecoder().decode(stderr).trim()}`);
}

const EAGER_REQUIRE =
  /^import \{ createRequire as (\w+) \} from "node:module";\nvar __require = \1\(import\.meta\.url\);$/m;

/**
 * The bundler's helpers, which every chunk imports, make a `require` for CommonJS packages. Loading
 * what it needs costs a cold start ten milliseconds, so that is put off until it is called.
 */
async function loadRequireLazily(directory: string): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.endsWith(".js")) continue;
    const path = join(directory, name);
    const source = await Deno.readTextFile(path);
    const lazy = source.replace(
      EAGER_REQUIRE,
      'var __require = (id) => process.getBuiltinModule("node:module")' +
        ".createRequire(import.meta.url)(id);",
    );
    if (lazy !== source) await Deno.writeTextFile(path, lazy);
  }
}

/**
 * Deno parses every module that another one names in `import("…")`, whether it comes to that or not.
 * In a pod, whose cache is nobody's to write, that is each time the code of all modes: half a second
 * of CPU and 110 MB. A name that is not a literal is only looked up when the import runs.
 */
async function hideDynamicImports(directory: string): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.endsWith(".js")) continue;
    const path = join(directory, name);
    const source = await Deno.readTextFile(path);
    const hidden = source.replace(/\bimport\(("\.\/[^"\n]+\.js")\)/g, "import(String($1))");
    if (hidden !== source) await Deno.writeTextFile(path, hidden);
  }
}

/** The generator finds its Wasm relative to the module it is in, which is a chunk now. */
async function copyWasm(directory: string): Promise<void> {
  const adapters = dirname(fileURLToPath(preview1AdapterReactorPath()));
  await Deno.mkdir(join(directory, "lib"));
  for (const kind of ["reactor", "command"]) {
    const name = `wasi_snapshot_preview1.${kind}.wasm`;
    await Deno.copyFile(join(adapters, name), join(directory, "lib", name));
  }
  // Loading jco starts the worker of a host for WASI that is part of it and that nothing here uses.
  await Deno.writeTextFile(join(directory, "app", "worker-thread.js"), "");
  const objects = join(adapters, "..", "obj");
  for await (const { name } of Deno.readDir(objects)) {
    if (!name.endsWith(".wasm")) continue;
    await Deno.copyFile(join(objects, name), join(directory, "app", name));
  }
}

/** Folder in `app/` for the Wasm of the generator for WASI 0.3: its files are called like the other's. */
const ASYNC_WASM = "async";

/** Copies that Wasm, and has the chunks of that generator look for it there. */
async function moveAsyncWasm(directory: string): Promise<void> {
  const vendor = new URL(".", import.meta.resolve("@bytecodealliance/jco-transpile/component"));
  await Deno.mkdir(join(directory, ASYNC_WASM));
  for await (const { name } of Deno.readDir(vendor)) {
    if (!name.endsWith(".wasm")) continue;
    await Deno.copyFile(new URL(name, vendor), join(directory, ASYNC_WASM, name));
  }
  let moved = 0;
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.endsWith(".js")) continue;
    const path = join(directory, name);
    const source = await Deno.readTextFile(path);
    // The bundler says in a comment which file a part is from.
    if (!/^\/\/ .*\/jco-transpile\/.*\/vendor\//m.test(source)) continue;
    await Deno.writeTextFile(
      path,
      source.replace(/new URL\("\.\/([\w.-]+\.wasm)"/g, `new URL("./${ASYNC_WASM}/$1"`),
    );
    moved++;
  }
  if (moved === 0) throw new Error("Cannot bundle: no chunk has the generator for WASI 0.3");
}

/** A script may stand in for a binary everywhere, containerd's shim included. */
function launcher(mode: string): string {
  return `#!/bin/sh
here=$(dirname -- "$(readlink -f -- "$0")")
deno=\${SPINKUBE_DENO:-}
if [ -z "$deno" ]; then
  if [ -x "$here/deno" ]; then deno=$here/deno; else deno=deno; fi
fi
exec "$deno" run --no-config ${DENO_FLAGS.join(" ")} "$here/app/main.js"${mode} "$@"
`;
}

if (import.meta.main) {
  const outDir = join(ROOT, "dist");
  await buildBundle(outDir);
  console.error("The bundle is in dist/. Start it with dist/spinkube.");
}
