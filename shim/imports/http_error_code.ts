/**
 * The variant `wasi:http/types#error-code`, and how failures of the platform's HTTP client become
 * one.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";

/** What is known of a message section that is too large. */
export interface FieldSize {
  readonly fieldName?: string | undefined;
  readonly fieldSize?: number | undefined;
}

/** The variant `error-code`, with its cases named as in WIT. */
export type HttpErrorCode =
  | {
    readonly tag: "DNS-error";
    readonly val: { readonly rcode?: string | undefined; readonly infoCode?: number | undefined };
  }
  | {
    readonly tag: "TLS-alert-received";
    readonly val: {
      readonly alertId?: number | undefined;
      readonly alertMessage?: string | undefined;
    };
  }
  | {
    readonly tag: "HTTP-request-body-size" | "HTTP-response-body-size";
    readonly val?: bigint | undefined;
  }
  | {
    readonly tag:
      | "HTTP-request-header-section-size"
      | "HTTP-request-trailer-section-size"
      | "HTTP-response-header-section-size"
      | "HTTP-response-trailer-section-size";
    readonly val?: number | undefined;
  }
  | { readonly tag: "HTTP-request-header-size"; readonly val?: FieldSize | undefined }
  | {
    readonly tag:
      | "HTTP-request-trailer-size"
      | "HTTP-response-header-size"
      | "HTTP-response-trailer-size";
    readonly val: FieldSize;
  }
  | {
    readonly tag:
      | "HTTP-response-transfer-coding"
      | "HTTP-response-content-coding"
      | "internal-error";
    readonly val?: string | undefined;
  }
  | { readonly tag: PlainCode; readonly val?: undefined };

/** The cases without a payload. */
const PLAIN_CODES = [
  "DNS-timeout",
  "destination-not-found",
  "destination-unavailable",
  "destination-IP-prohibited",
  "destination-IP-unroutable",
  "connection-refused",
  "connection-terminated",
  "connection-timeout",
  "connection-read-timeout",
  "connection-write-timeout",
  "connection-limit-reached",
  "TLS-protocol-error",
  "TLS-certificate-error",
  "HTTP-request-denied",
  "HTTP-request-length-required",
  "HTTP-request-method-invalid",
  "HTTP-request-URI-invalid",
  "HTTP-request-URI-too-long",
  "HTTP-response-incomplete",
  "HTTP-response-timeout",
  "HTTP-upgrade-failed",
  "HTTP-protocol-error",
  "loop-detected",
  "configuration-error",
] as const;

/** A case of `error-code` that has no payload. */
export type PlainCode = typeof PLAIN_CODES[number];

const ALL_CODES: ReadonlySet<string> = new Set([
  ...PLAIN_CODES,
  "DNS-error",
  "TLS-alert-received",
  "HTTP-request-body-size",
  "HTTP-response-body-size",
  "HTTP-request-header-section-size",
  "HTTP-request-header-size",
  "HTTP-request-trailer-section-size",
  "HTTP-request-trailer-size",
  "HTTP-response-header-section-size",
  "HTTP-response-header-size",
  "HTTP-response-trailer-section-size",
  "HTTP-response-trailer-size",
  "HTTP-response-transfer-coding",
  "HTTP-response-content-coding",
  "internal-error",
]);

/** A name that could not be resolved, as Spin reports it. */
const DNS_ERROR: HttpErrorCode = Object.freeze({
  tag: "DNS-error",
  val: Object.freeze({ rcode: "address not available", infoCode: 0 }),
});

/** The error codes of sockets, resolvers and the HTTP parser that say what happened. */
const CODE_OF_ERRNO: Readonly<Record<string, PlainCode>> = {
  ECONNREFUSED: "connection-refused",
  ECONNRESET: "HTTP-protocol-error",
  ECONNABORTED: "HTTP-protocol-error",
  EPIPE: "HTTP-protocol-error",
  ETIMEDOUT: "connection-timeout",
  EHOSTUNREACH: "destination-IP-unroutable",
  ENETUNREACH: "destination-IP-unroutable",
  EADDRNOTAVAIL: "destination-IP-unroutable",
  ERR_INVALID_HTTP_TOKEN: "HTTP-request-method-invalid",
  ERR_UNESCAPED_CHARACTERS: "HTTP-request-URI-invalid",
  ERR_INVALID_URL: "HTTP-request-URI-invalid",
};

const DNS_ERRNO: ReadonlySet<string> = new Set([
  "ENOTFOUND",
  "ENODATA",
  "ESERVFAIL",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EAI_NODATA",
  "EAI_NONAME",
]);

/** OpenSSL's names of verification results, which Node uses as error codes. */
const CERTIFICATE_ERRNO =
  /^(CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|INVALID_CA$|INVALID_PURPOSE$|HOSTNAME_MISMATCH$|ERR_TLS_CERT_ALTNAME_INVALID$)/;

/** What the platform's errors say in words where they carry no code. */
const CODE_OF_TEXT: readonly (readonly [RegExp, HttpErrorCode])[] = [
  [/dns error|failed to lookup address/i, DNS_ERROR],
  [/connection refused/i, { tag: "connection-refused" }],
  [
    /invalid peer certificate|certificate (?:has expired|verify failed|not valid)/i,
    { tag: "TLS-certificate-error" },
  ],
  [/\b(?:tls|ssl)\b|received corrupt message|handshake/i, { tag: "TLS-protocol-error" }],
  [/timed out/i, { tag: "connection-timeout" }],
  [/connection (?:reset|closed|aborted)|broken pipe|socket hang up/i, {
    tag: "HTTP-protocol-error",
  }],
];

/** How deep a chain of causes is followed; it could be a cycle. */
const MAX_CAUSES = 8;

/**
 * The `error-code` for anything that outbound HTTP throws; a value that is one already comes back
 * as it is, also as the cause of an error. An error that nothing is known of becomes `internal-error` with its text.
 */
export function toHttpErrorCode(error: unknown): HttpErrorCode {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES; depth++) {
    if (isHttpErrorCode(current)) return current;
    if (!(current instanceof Error)) break;
    const code = codeOf(current);
    if (code) return code;
    current = current instanceof AggregateError && current.errors.length > 0
      ? current.errors[0]
      : current.cause;
  }
  return { tag: "internal-error", val: errorText(error) };
}

function isHttpErrorCode(value: unknown): value is HttpErrorCode {
  return typeof value === "object" && value !== null && "tag" in value &&
    typeof value.tag === "string" && ALL_CODES.has(value.tag);
}

function codeOf(error: Error): HttpErrorCode | undefined {
  const errno = "code" in error && typeof error.code === "string" ? error.code : "";
  const plain = CODE_OF_ERRNO[errno];
  if (plain) return { tag: plain };
  if (DNS_ERRNO.has(errno)) return DNS_ERROR;
  if (CERTIFICATE_ERRNO.test(errno)) return { tag: "TLS-certificate-error" };
  if (/^(?:ERR_SSL_|ERR_TLS_|EPROTO$)/.test(errno)) return { tag: "TLS-protocol-error" };
  if (errno === "HPE_HEADER_OVERFLOW") return { tag: "HTTP-response-header-section-size" };
  if (errno.startsWith("HPE_")) return { tag: "HTTP-protocol-error" };
  if (error.name === "ConnectionRefused") return { tag: "connection-refused" };
  if (error.name === "TimeoutError" || error.name === "TimedOut") {
    return { tag: "connection-timeout" };
  }
  if (error.name === "IncompleteBody") return { tag: "HTTP-protocol-error" };
  return CODE_OF_TEXT.find(([pattern]) => pattern.test(error.message))?.[1];
}
