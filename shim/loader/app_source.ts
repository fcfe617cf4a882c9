/**
 * From what the user typed to where the app is.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { dirname, join, resolve } from "../../lib/path.ts";

/** Where an app is; paths are absolute. */
export interface AppSource {
  /** `manifest`: a `spin.toml`; `wasm`: a single `.wasm` or `.wat` file. */
  readonly kind: "manifest" | "wasm";
  readonly path: string;
}

const MANIFEST_NAME = "spin.toml";

/** How many directories upward are searched. */
const MAX_LEVELS = 20;

/**
 * Finds the app. Without `from` it is the `spin.toml` of `cwd`, or of the nearest directory above it
 * up to the root of the Git repository. An existing path wins over anything else `from` could be.
 *
 * @throws {TerminalError} if there is none, or it is in a registry.
 */
export async function findAppSource(from: string | undefined, cwd: string): Promise<AppSource> {
  if (from === undefined) return { kind: "manifest", path: await searchUpwards(cwd) };
  const path = resolve(cwd, from);
  const info = await statOrUndefined(path);
  if (info?.isDirectory) return { kind: "manifest", path: await manifestIn(path, from) };
  if (info) return { kind: /\.(?:wasm|wat)$/i.test(path) ? "wasm" : "manifest", path };
  if (looksLikeRegistryReference(from)) {
    throw new TerminalError(
      "RegistrySource",
      `Cannot load '${from}': it is a registry reference, and this command takes apps of this ` +
        "machine only. Give the path of a spin.toml, a directory or a .wasm file",
    );
  }
  throw new TerminalError(
    "AppNotFound",
    `File or directory '${from}' not found. If you meant to load from a registry, use the ` +
      "`--from-registry` option.",
  );
}

async function manifestIn(directory: string, from: string): Promise<string> {
  const path = join(directory, MANIFEST_NAME);
  if ((await statOrUndefined(path))?.isFile) return path;
  throw new TerminalError(
    "AppNotFound",
    `Directory ${from} does not contain a file named '${MANIFEST_NAME}'. Give the directory of an ` +
      "app, or the path of its manifest",
  );
}

async function searchUpwards(cwd: string): Promise<string> {
  let directory = cwd;
  for (let level = 0; level < MAX_LEVELS; level++) {
    const path = join(directory, MANIFEST_NAME);
    if ((await statOrUndefined(path))?.isFile) return path;
    // What lies beyond the repository belongs to another project.
    if (dirname(directory) === directory || await statOrUndefined(join(directory, ".git"))) break;
    directory = dirname(directory);
  }
  throw new TerminalError(
    "AppNotFound",
    "Default file 'spin.toml' not found. Run `spin up --from <APPLICATION>`, or `spin up --help` " +
      "for usage.",
  );
}

async function statOrUndefined(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    // `InvalidData` and its like come from texts that cannot be paths, such as ones with a NUL.
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
      error instanceof TypeError || error instanceof Deno.errors.InvalidData
    ) return undefined;
    throw error;
  }
}

/**
 * Whether a text is meant to be an OCI reference: it has the form of one, and a tag, a digest or a
 * registry is explicit (a bare name could be anything).
 */
export function looksLikeRegistryReference(text: string): boolean {
  const word = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
  const domain = "(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\\[[0-9a-fA-F:]+\\])(?::\\d+)?";
  const reference = new RegExp(
    `^(?:(${domain})/)?(${word}(?:/${word})*)(:[\\w][\\w.-]{0,127})?(@[A-Za-z0-9+._-]+:[0-9a-fA-F]{32,})?$`,
  );
  const match = reference.exec(text);
  if (!match) return false;
  const [, first, , tag, digest] = match;
  // As everywhere with container images: a first part is a registry if it could be nothing else.
  const hasRegistry = first !== undefined && (/[.:]/.test(first) || first === "localhost");
  return tag !== undefined || digest !== undefined || hasRegistry || text.includes("docker");
}
