/**
 * The version of everything that decides how a prepared component looks. It is part of its key in
 * the store, so that an update of the program never meets an entry of another make.
 *
 * @module
 */

import { ASYNC_EXPORTS, ASYNC_IMPORTS } from "../imports/async_functions.ts";

/** Raise when `prepare.ts`, `bindings.ts` or the rewriting of modules changes its output. */
const FORMAT = 15;
/** The binding generators' versions, as pinned in `deno.json`: jco's and jco-transpile's. */
const GENERATORS = "jco-1.10.2-0.15.0";

/** The version, short enough for a directory name: `1-jco-1.10.2-0.15.0-3f9a1c02`. */
export function engineVersion(): string {
  return `${FORMAT}-${GENERATORS}-${fnv1a([...ASYNC_IMPORTS, "", ...ASYNC_EXPORTS].join("\n"))}`;
}

/** 32-bit FNV-1a of ASCII text, in hex: synchronous, and enough to notice a change of the lists. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}
