import assert from "node:assert/strict";
import type { HttpErrorCode } from "../http_error_code.ts";
import { errorCodeText } from "./error_text.ts";

Deno.test("errorCodeText() prints error codes as Rust does", () => {
  const cases: [HttpErrorCode, string][] = [
    [{ tag: "HTTP-request-denied" }, "ErrorCode::HttpRequestDenied"],
    [{ tag: "connection-refused" }, "ErrorCode::ConnectionRefused"],
    [{ tag: "DNS-timeout" }, "ErrorCode::DnsTimeout"],
    [{ tag: "TLS-protocol-error" }, "ErrorCode::TlsProtocolError"],
    [{ tag: "destination-IP-prohibited" }, "ErrorCode::DestinationIpProhibited"],
    [{ tag: "HTTP-request-URI-too-long" }, "ErrorCode::HttpRequestUriTooLong"],
    [
      { tag: "DNS-error", val: { rcode: "address not available", infoCode: 0 } },
      'ErrorCode::DnsError(DnsErrorPayload { rcode: Some("address not available"), info-code: ' +
      "Some(0) })",
    ],
    [
      { tag: "DNS-error", val: {} },
      "ErrorCode::DnsError(DnsErrorPayload { rcode: None, info-code: None })",
    ],
    [
      { tag: "TLS-alert-received", val: { alertId: 40, alertMessage: "no" } },
      "ErrorCode::TlsAlertReceived(TlsAlertReceivedPayload { alert-id: Some(40), alert-message: " +
      'Some("no") })',
    ],
    [{ tag: "HTTP-request-body-size", val: 5n }, "ErrorCode::HttpRequestBodySize(Some(5))"],
    [{ tag: "HTTP-response-body-size" }, "ErrorCode::HttpResponseBodySize(None)"],
    [{ tag: "HTTP-request-header-size" }, "ErrorCode::HttpRequestHeaderSize(None)"],
    [
      { tag: "HTTP-request-header-size", val: { fieldName: "x-a" } },
      'ErrorCode::HttpRequestHeaderSize(Some(FieldSizePayload { field-name: Some("x-a"), field-size: ' +
      "None }))",
    ],
    [
      { tag: "HTTP-response-trailer-size", val: { fieldSize: 9 } },
      "ErrorCode::HttpResponseTrailerSize(FieldSizePayload { field-name: None, field-size: Some(9) })",
    ],
    [{ tag: "internal-error" }, "ErrorCode::InternalError(None)"],
    [
      { tag: "internal-error", val: "a \"b\"\\\n\u0007\u200b\u00e9 'c'" },
      'ErrorCode::InternalError(Some("a \\"b\\"\\\\\\n\\u{7}\\u{200b}\u00e9 \'c\'"))',
    ],
  ];
  for (const [code, text] of cases) assert.equal(errorCodeText(code), text);
});
