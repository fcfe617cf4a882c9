/**
 * The code of adapted bindings, from their text.
 *
 * @module
 */

import { toFileUrl } from "../../lib/file_url.ts";
import { ARTIFACT_FILES } from "./artifact.ts";

/** What bindings export, as the generators write them; helpers of theirs as well, which nobody needs. */
const EXPORTED = /^export (?=(?:async )?function instantiate\(|const _util = )/gm;

/**
 * What a module of bindings exports. It is not imported: Deno looks through every module for imports
 * first, of which bindings have none, and that takes most of the time that they take to load.
 *
 * @param url For stack traces.
 * @throws {Error} if it is no module of bindings.
 */
export function evaluateBindings<T>(source: string, url: string): T {
  if (!/^export (?:async )?function instantiate\(/m.test(source)) {
    throw new Error(`The bindings ${url} export no instantiate()`);
  }
  const body = source.replace(EXPORTED, "")
    // Where modules are fetched from if nobody gives them. Here they always are given.
    .replaceAll("import.meta.url", JSON.stringify(url));
  // The text was generated here and verified when it was read, or is a node's own.
  const evaluate = new Function(
    `"use strict";\n${body}\nreturn { instantiate };\n//# sourceURL=${url}`,
  );
  return evaluate();
}

/** The bindings of the prepared component in `directory`. @throws {Error} if they cannot be read. */
export async function readBindings<T>(directory: string): Promise<T> {
  const path = `${directory}/${ARTIFACT_FILES.bindings}`;
  return evaluateBindings(await Deno.readTextFile(path), toFileUrl(path).href);
}
