/**
 * Small apps on disk, for tests.
 *
 * @module
 */

import { dirname, join } from "../../lib/path.ts";
import { loadApp, type LoadedApp, type LoadOptions } from "./load_app.ts";

/** A directory that is removed with `using`. */
export interface TestApp extends AsyncDisposable {
  /** Canonical path; holds `app` and whatever loading makes. */
  readonly root: string;
  readonly appDir: string;
  /** Loads `app/spin.toml`. */
  load(options?: Partial<LoadOptions>): Promise<LoadedApp>;
}

/** Writes `files` (path below the app's directory → content) to a new directory. */
export async function createTestApp(files: Readonly<Record<string, string>>): Promise<TestApp> {
  const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "loader_test_" }));
  const appDir = join(root, "app");
  await Deno.mkdir(appDir);
  for (const [name, content] of Object.entries(files)) {
    await Deno.mkdir(dirname(join(appDir, name)), { recursive: true });
    await Deno.writeTextFile(join(appDir, name), content);
  }
  return {
    root,
    appDir,
    load: (options = {}) =>
      loadApp({ kind: "manifest", path: join(appDir, "spin.toml") }, {
        workingDir: join(root, "work"),
        cacheDir: join(root, "cache"),
        cwd: appDir,
        ...options,
      }),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

/** Every file below `directory`: relative path → content. */
export async function readTree(directory: string, prefix = ""): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    if (isDirectory) Object.assign(tree, await readTree(path, `${prefix}${name}/`));
    else tree[prefix + name] = await Deno.readTextFile(path);
  }
  return tree;
}
