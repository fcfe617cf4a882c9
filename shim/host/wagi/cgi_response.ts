/**
 * The response that a WAGI program writes to its standard output, as CGI has it.
 * Follows spin:crates/http/src/wagi.
 *
 * @module
 */

import type { WholeResponse } from "../whole_message.ts";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** What is answered for output that names neither of what is necessary. */
const INSUFFICIENT = "Exactly one of 'location' or 'content-type' must be specified";

/**
 * Reads the output: headers up to the first empty line, then the body.
 * @throws {TypeError} if the headers are no UTF-8.
 */
export function parseCgiResponse(output: Uint8Array): WholeResponse {
  const { head, body } = splitOutput(output);
  const headers: [string, string][] = [];
  const special = new Map<string, string>();
  for (const line of head.trim().split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (!isHeader(name, value)) continue;
    if (name === "status") special.set(name, value);
    else if (name === "content-type" || name === "location") special.set(name, value);
    // A program may set several cookies.
    else headers.push([name, value]);
  }
  if (special.size === 0) {
    return { status: 500, headers: [], body: new TextEncoder().encode(INSUFFICIENT) };
  }
  for (const name of ["content-type", "location"]) {
    const value = special.get(name);
    if (value !== undefined) headers.push([name, value]);
  }
  return { status: statusOf(special), headers, body };
}

/** Carriage returns in the headers are ignored. Without an empty line, there are no headers. */
function splitOutput(output: Uint8Array): { head: string; body: Uint8Array } {
  let last = 0;
  for (let at = 0; at < output.length; at++) {
    const byte = output[at]!;
    if (byte === CARRIAGE_RETURN) continue;
    if (byte === LINE_FEED && last === LINE_FEED) {
      const head = new TextDecoder("utf-8", { fatal: true }).decode(output.subarray(0, at));
      return { head: head.replaceAll("\r", ""), body: output.subarray(at + 1) };
    }
    last = byte;
  }
  return { head: "", body: output };
}

/** What the platform takes for a header; anything else is left out. */
function isHeader(name: string, value: string): boolean {
  try {
    new Headers([[name, value]]);
    return true;
  } catch {
    // The answer is all there is to know.
    return false;
  }
}

function statusOf(special: ReadonlyMap<string, string>): number {
  const status = special.get("status");
  if (status === undefined) return special.has("location") ? 302 : 200;
  // A reason may follow.
  const code = status.split(" ", 1)[0]!;
  return /^[1-9]\d\d$/.test(code) ? Number(code) : 502;
}
