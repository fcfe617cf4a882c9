/**
 * Which app a command is about.
 *
 * @module
 */

import { join } from "node:path";
import { UsageError } from "../../lib/errors.ts";

/**
 * The name that was given, or that of the `spin.toml` in this directory.
 *
 * @returns Undefined if there is neither.
 * @throws {UsageError} if there are several names.
 * @throws {ManifestError} if the `spin.toml` is needed and no TOML.
 */
export async function chooseAppName(words: readonly string[]): Promise<string | undefined> {
  const [name, ...others] = words;
  if (others.length > 0) {
    throw new UsageError(others.map((word) => `Unexpected argument "${word}"`).join("\n"));
  }
  if (name) return name;
  if (Deno.env.get("SPIN_KUBE_DISABLE_DIR_CONTEXT")?.toLowerCase() === "true") return undefined;
  const path = join(Deno.cwd(), "spin.toml");
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  // Nothing but the name is needed, whatever else is wrong with the manifest.
  const { isTable, parseTomlDocument } = await import("../../shim/loader/toml_document.ts");
  const { root } = parseTomlDocument(text, "spin.toml");
  const found = (isTable(root.application) ? root.application : root).name;
  return typeof found === "string" && found !== "" ? found : undefined;
}

/**
 * As {@link chooseAppName}.
 * @throws {UsageError} also if there is no name.
 */
export async function requireAppName(words: readonly string[]): Promise<string> {
  const name = await chooseAppName(words);
  if (name !== undefined) return name;
  throw new UsageError(
    "no application name specified",
    "Give the name of an app, or run this in the directory of its spin.toml.",
  );
}
