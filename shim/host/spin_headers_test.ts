import assert from "node:assert/strict";
import { Router } from "./router.ts";
import { componentHeaders } from "./spin_headers.ts";

Deno.test("componentHeaders() adds Spin's headers once and drops forged ones", () => {
  const route = "/base/:path_segment/:path_end/...";
  const match = new Router([{ route, target: 0 }]).match("/base/path/end/rest")!;
  const headers = componentHeaders({
    received: [
      ["Accept", "*/*"],
      ["Spin-Path-Info", "forged"],
      ["spin_client_addr", "forged"],
      ["X-Twice", "1"],
      ["x-twice", "2"],
    ],
    match,
    fullUrl: "http://example.com/base/path/end/rest?key=value",
    clientAddress: "127.0.0.1:1234",
  });
  assert.deepEqual(headers, [
    ["accept", "*/*"],
    ["x-twice", "1"],
    ["x-twice", "2"],
    ["spin-path-info", "/rest"],
    ["spin-full-url", "http://example.com/base/path/end/rest?key=value"],
    ["spin-matched-route", route],
    ["spin-base-path", "/"],
    ["spin-raw-component-route", route],
    ["spin-component-route", "/base/:path_segment/:path_end"],
    ["spin-client-addr", "127.0.0.1:1234"],
    ["spin-path-match-path-segment", "path"],
    ["spin-path-match-path-end", "end"],
  ]);
});
