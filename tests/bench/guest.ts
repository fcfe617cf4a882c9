/**
 * The apps that are served: a small one in C and a large one in JavaScript.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A guest, ready to be served. */
export interface Guest {
  readonly id: "c" | "js";
  /** For headings: `C, 99 kB`. */
  readonly title: string;
  /** The app's directory, with a `spin.toml`; a copy, so that nothing is written to the sources. */
  readonly appDir: string;
  /** The component. */
  readonly wasm: string;
  /** What `GET /` answers. */
  readonly body: string;
  /** Numbers of connections under which it is measured. */
  readonly connections: readonly number[];
  /** `--max-instance-memory` for the soak, in bytes. */
  readonly maxInstanceMemory: number;
}

const TORTURE = new URL("../fixtures/apps/torture/", import.meta.url);

/** Copies the C guest into `workDir`. */
export async function placeCGuest(workDir: string): Promise<Guest> {
  const appDir = join(workDir, "c");
  await copyDirectory(fileURLToPath(TORTURE), appDir);
  const wasm = join(appDir, "dist", "torture.wasm");
  return {
    id: "c",
    title: `C, ${await formatSize(wasm)}`,
    appDir,
    wasm,
    body: "hello from C\n",
    connections: [32],
    maxInstanceMemory: 128 << 20,
  };
}

/** Makes an app of the JavaScript guest in `workDir`. */
export async function placeJsGuest(wasmPath: string, workDir: string): Promise<Guest> {
  const appDir = join(workDir, "js");
  await Deno.mkdir(appDir, { recursive: true });
  const wasm = join(appDir, "hello.wasm");
  await Deno.copyFile(wasmPath, wasm);
  await Deno.writeTextFile(join(appDir, "spin.toml"), JS_MANIFEST);
  return {
    id: "js",
    title: `JavaScript, ${await formatSize(wasm)}`,
    appDir,
    wasm,
    body: "Hello, Spin!\n",
    connections: [32, 8],
    maxInstanceMemory: 256 << 20,
  };
}

const JS_MANIFEST = `spin_manifest_version = 2

[application]
name = "bench-js"
version = "0.1.0"

[[trigger.http]]
route = "/..."
component = "hello"

[component.hello]
source = "hello.wasm"
`;

async function copyDirectory(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const source = join(from, entry.name);
    if (entry.isDirectory) await copyDirectory(source, join(to, entry.name));
    else if (entry.isFile) await Deno.copyFile(source, join(to, entry.name));
  }
}

async function formatSize(path: string): Promise<string> {
  const { size } = await Deno.stat(path);
  return size < 1e6 ? `${Math.round(size / 1e3)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}
