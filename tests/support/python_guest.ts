/**
 * The guest in Python, built with componentize-py. It is large and takes long to build, so it is not
 * kept with the sources: each version of it is built once on a machine.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { isInstalled } from "./database_process.ts";
import { samplePath } from "./fixtures.ts";

const CACHE = `${
  Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`
}/spinkube-tests`;

/** Python's packages of it are put here by `.ci/run`. */
const TOOLS = `${CACHE}/componentize-py-0.17.2`;

/** Milliseconds that a build may take: 15 seconds of one processor. */
const BUILD_MS = 300_000;

/** Whether components can be made of Python; tests that need it are ignored without. */
export function hasComponentizePy(): boolean {
  return isInstalled(`${TOOLS}/bin/componentize-py`);
}

/** The environment in which `componentize-py` is found, and finds Spin's SDK. */
export function pythonEnvironment(): Record<string, string> {
  return { PATH: `${TOOLS}/bin:${Deno.env.get("PATH") ?? ""}`, VIRTUAL_ENV: TOOLS };
}

/** The path of the guest's component, which is built if need be. */
export async function pythonGuest(): Promise<string> {
  const source = await Deno.readFile(samplePath("python", "app.py"));
  const hash = createHash("sha256").update(source).digest("hex").slice(0, 16);
  const path = `${CACHE}/python-guest-0.17.2-${hash}.wasm`;
  if (await exists(path)) return path;
  // Beside it, so that it appears whole, by rename.
  const directory = await Deno.makeTempDir({ dir: CACHE, prefix: "python-guest-" });
  try {
    await Deno.writeFile(`${directory}/app.py`, source);
    const { success, stdout, stderr } = await new Deno.Command(`${TOOLS}/bin/componentize-py`, {
      args: ["-w", "spin-http", "componentize", "app", "-o", "app.wasm"],
      cwd: directory,
      env: pythonEnvironment(),
      signal: AbortSignal.timeout(BUILD_MS),
    }).output();
    if (!success) {
      const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      throw new Error(`Cannot build the guest in Python: ${error}${out}`);
    }
    await Deno.rename(`${directory}/app.wasm`, path);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  return path;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
