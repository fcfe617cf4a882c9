/**
 * Error codes of `wasi:http` as text, in the form in which Rust prints them for debugging: guests of
 * 2023-10-18 get errors as text only, and people search for it.
 *
 * @module
 */

import type { HttpErrorCode } from "../http_error_code.ts";

/** Cases whose payload is optional, so that it is printed as `Some(…)` or `None`. */
const OPTIONAL = new Set<string>(
  [
    "HTTP-request-body-size",
    "HTTP-request-header-section-size",
    "HTTP-request-header-size",
    "HTTP-request-trailer-section-size",
    "HTTP-response-header-section-size",
    "HTTP-response-body-size",
    "HTTP-response-trailer-section-size",
    "HTTP-response-transfer-coding",
    "HTTP-response-content-coding",
    "internal-error",
  ] satisfies HttpErrorCode["tag"][],
);

/** Records among the payloads: their names, and their fields in order. All fields are optional. */
const RECORDS: Readonly<Record<string, { name: string; fields: readonly string[] }>> = {
  "DNS-error": { name: "DnsErrorPayload", fields: ["rcode", "infoCode"] },
  "TLS-alert-received": { name: "TlsAlertReceivedPayload", fields: ["alertId", "alertMessage"] },
  ...Object.fromEntries(
    ([
      "HTTP-request-header-size",
      "HTTP-request-trailer-size",
      "HTTP-response-header-size",
      "HTTP-response-trailer-size",
    ] satisfies HttpErrorCode["tag"][]).map((tag) => [
      tag,
      { name: "FieldSizePayload", fields: ["fieldName", "fieldSize"] },
    ]),
  ),
};

/** `ErrorCode::HttpRequestDenied`, `ErrorCode::InternalError(Some("text"))`. */
export function errorCodeText(code: HttpErrorCode): string {
  const name = `ErrorCode::${upperCamelCase(code.tag)}`;
  if (OPTIONAL.has(code.tag)) return `${name}(${optional(code.val, code.tag)})`;
  return code.tag in RECORDS ? `${name}(${record(code.val, code.tag)})` : name;
}

/** `DNS-timeout` → `DnsTimeout`. */
function upperCamelCase(kebab: string): string {
  return kebab.split("-")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join("");
}

function optional(value: unknown, tag: string): string {
  if (value === undefined) return "None";
  if (typeof value === "object") return `Some(${record(value, tag)})`;
  return `Some(${typeof value === "string" ? debugText(value) : String(value)})`;
}

function record(value: unknown, tag: string): string {
  const { name, fields } = RECORDS[tag]!;
  const values = value as Readonly<Record<string, unknown>>;
  // The names of the fields stay as they are in WIT.
  const printed = fields.map((field) =>
    `${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: ${
      optional(values[field], tag)
    }`
  );
  return `${name} { ${printed.join(", ")} }`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
};

/** A string in quotes; what cannot be printed is escaped. */
function debugText(text: string): string {
  // Control, format, private and unassigned characters, and separators other than the space.
  const escaped = text.replace(
    /["\\]|(?! )[\p{C}\p{Z}]/gu,
    (character) => ESCAPES[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
  return `"${escaped}"`;
}
