import assert from "node:assert/strict";
import { parseAddress, serverRequest } from "./request_view.ts";

Deno.test("parseAddress() splits without normalising", () => {
  assert.deepEqual(parseAddress("http://h:1//a/../b%2e?x=/y?", "h:1"), {
    scheme: "http",
    authority: "h:1",
    path: "//a/../b%2e",
    pathWithQuery: "//a/../b%2e?x=/y?",
  });
  assert.equal(parseAddress("https://[::1]:3/x", "[::1]:3")?.scheme, "https");
  assert.equal(parseAddress("http://h/x", null)?.authority, "h");
  assert.equal(parseAddress("http://user@h/x", "user@h")?.authority, "user@h");
});

Deno.test("parseAddress() refuses contradictory and invalid authorities", () => {
  const refused: [string, string | null][] = [
    ["http://other/x", "h"],
    ["http://hh/x", "h"],
    ["http://a b/c/x", "a b/c"],
    ["http://h:80", "h:80"],
    ["http:///x", ""],
  ];
  for (const [url, host] of refused) assert.equal(parseAddress(url, host), undefined, url);
});

Deno.test("serverRequest() keeps repeated headers apart", async () => {
  const seen: [string, string][][] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    seen.push(serverRequest(request).headerList);
    return new Response();
  });
  const connection = await Deno.connect({ port: server.addr.port, hostname: "127.0.0.1" });
  await connection.write(
    new TextEncoder().encode(
      "GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\nConnection: close\r\n\r\n",
    ),
  );
  await connection.readable.pipeTo(new WritableStream());
  const values = seen[0]!.filter(([name]) => name.toLowerCase() === "x-a").map(([, value]) =>
    value
  );
  assert.deepEqual(values, ["1", "2"]);
});
