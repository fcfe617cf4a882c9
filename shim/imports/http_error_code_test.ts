import assert from "node:assert/strict";
import { toHttpErrorCode } from "./http_error_code.ts";

function errno(code: string, message = "x"): Error {
  return Object.assign(new Error(message), { code });
}

Deno.test("toHttpErrorCode() maps what HTTP clients throw", () => {
  const dns = { tag: "DNS-error", val: { rcode: "address not available", infoCode: 0 } };
  const cases: [unknown, unknown][] = [
    [errno("ECONNREFUSED"), { tag: "connection-refused" }],
    [new Deno.errors.ConnectionRefused("x"), { tag: "connection-refused" }],
    [errno("ENOTFOUND"), dns],
    [errno("EAI_AGAIN"), dns],
    [new TypeError("error sending request: dns error: no such host"), dns],
    [errno("ECONNRESET", "socket hang up"), { tag: "HTTP-protocol-error" }],
    [errno("HPE_INVALID_CONSTANT"), { tag: "HTTP-protocol-error" }],
    [errno("HPE_HEADER_OVERFLOW"), { tag: "HTTP-response-header-section-size" }],
    [errno("ETIMEDOUT"), { tag: "connection-timeout" }],
    [errno("EHOSTUNREACH"), { tag: "destination-IP-unroutable" }],
    [errno("DEPTH_ZERO_SELF_SIGNED_CERT"), { tag: "TLS-certificate-error" }],
    [errno("ERR_TLS_CERT_ALTNAME_INVALID"), { tag: "TLS-certificate-error" }],
    [errno("ERR_SSL_WRONG_VERSION_NUMBER"), { tag: "TLS-protocol-error" }],
    [
      new TypeError("outer", { cause: errno("ECONNREFUSED") }),
      { tag: "connection-refused" },
    ],
    [new AggregateError([errno("ECONNREFUSED")], ""), { tag: "connection-refused" }],
    [new Error("odd"), { tag: "internal-error", val: "odd" }],
    ["odd", { tag: "internal-error", val: "odd" }],
    [{ tag: "nonsense" }, { tag: "internal-error", val: "[object Object]" }],
  ];
  for (const [error, expected] of cases) assert.deepEqual(toHttpErrorCode(error), expected);
});

Deno.test("toHttpErrorCode() passes codes through", () => {
  const code = { tag: "HTTP-request-body-size", val: 5n };
  assert.equal(toHttpErrorCode(code), code);
});
