/**
 * Finds its way in the JavaScript that the binding generators write.
 *
 * @module
 */

import { BindingShapeError } from "./bindings.ts";

/** The index of the parenthesis that closes what is open at `from`. */
export function closingParenthesis(source: string, from: number): number {
  let depth = 1;
  for (let at = from; at < source.length; at++) {
    const character = source[at];
    if (character === "(") depth++;
    else if (character === ")" && --depth === 0) return at;
    else if (character === "'" || character === '"' || character === "`") {
      at = endOfString(source, at);
    }
  }
  throw new BindingShapeError("A call in the bindings does not end");
}

/** Strings there have no quote of their own kind inside, unless escaped. */
function endOfString(source: string, from: number): number {
  const quote = source[from];
  for (let at = from + 1; at < source.length; at++) {
    if (source[at] === "\\") at++;
    else if (source[at] === quote) return at;
  }
  throw new BindingShapeError("A string in the bindings does not end");
}

/**
 * The index of the last character of the string or comment that begins at `at`, or `at` itself if none
 * does.
 */
export function skipText(source: string, at: number): number {
  const character = source[at];
  if (character === "'" || character === '"' || character === "`") return endOfString(source, at);
  if (character !== "/") return at;
  const isLine = source[at + 1] === "/";
  if (!isLine && source[at + 1] !== "*") return at;
  const end = source.indexOf(isLine ? "\n" : "*/", at + 2);
  return end < 0 ? source.length : isLine ? end : end + 1;
}
