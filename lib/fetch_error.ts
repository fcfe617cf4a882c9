/**
 * Why a `fetch` has failed.
 *
 * @module
 */

import { errorText } from "./errors.ts";

/**
 * The reason in a few words: `invalid peer certificate: UnknownIssuer`. The error of `fetch` itself
 * says only that it failed, and the one behind it begins with the whole URL, which may be a secret.
 */
export function fetchErrorText(error: unknown): string {
  if (error instanceof TypeError && error.cause instanceof Error) {
    return fetchErrorText(error.cause);
  }
  const text = errorText(error);
  return /^error sending request for url \([^)]*\): (.+)$/s.exec(text)?.[1] ?? text;
}
