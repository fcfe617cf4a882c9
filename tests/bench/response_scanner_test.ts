import assert from "node:assert/strict";
import { ResponseScanner } from "./response_scanner.ts";

const STREAM = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx: y\r\n\r\nhello" +
  "HTTP/1.1 500 Internal Server Error\r\nContent-Length:0\r\n\r\n" +
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=1\r\n\r\n\r\n345678\r\n0\r\n\r\n" +
  "HTTP/1.1 404 \r\ncontent-length: 2\r\n\r\nno";

Deno.test("ResponseScanner.take() finds the same ends wherever the stream is cut", () => {
  const bytes = new TextEncoder().encode(STREAM);
  for (const size of [1, 2, 3, 7, 16, 50, bytes.length]) {
    const scanner = new ResponseScanner();
    const statuses: number[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      statuses.push(...scanner.take(bytes.subarray(at, at + size)));
    }
    assert.deepEqual(statuses, [200, 500, 200, 404], `pieces of ${size}`);
  }
});

Deno.test("ResponseScanner.take() throws when the end cannot be known", () => {
  const cases = [
    "HTTP/1.1 200 OK\r\n\r\n",
    "SSH-2.0-OpenSSH\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
  ];
  for (const text of cases) {
    const scanner = new ResponseScanner();
    assert.throws(() => scanner.take(new TextEncoder().encode(text)), SyntaxError, text);
  }
});
