import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { parseListenAddress, resolveListenAddress } from "./listen_address.ts";

for (
  const [text, hostname, port] of [
    ["127.0.0.1:3000", "127.0.0.1", 3000],
    ["0.0.0.0:80", "0.0.0.0", 80],
    ["[::1]:3000", "::1", 3000],
    ["localhost:0", "localhost", 0],
    ["a.example:65535", "a.example", 65535],
  ] as const
) {
  Deno.test(`parseListenAddress() reads ${text}`, () => {
    assert.deepEqual(parseListenAddress(text), { hostname, port });
  });
}

for (const text of ["", "3000", ":3000", "127.0.0.1", "::1:3000", "a:65536", "a:b", "http://a:1"]) {
  Deno.test(`parseListenAddress() refuses "${text}"`, () => {
    assert.throws(() => parseListenAddress(text), SyntaxError);
  });
}

for (
  const [name, addresses, expected] of [
    ["prefers 127.0.0.1", ["::1", "127.0.0.1"], "127.0.0.1"],
    ["takes the first address otherwise", ["10.0.0.2", "10.0.0.1"], "10.0.0.2"],
  ] as const
) {
  Deno.test(`resolveListenAddress() ${name}`, async () => {
    const address = { hostname: "name", port: 1 };
    const resolved = await resolveListenAddress(address, () => Promise.resolve([...addresses]));
    assert.deepEqual(resolved, { hostname: expected, port: 1 });
  });
}

Deno.test("resolveListenAddress() looks up no IP address", async () => {
  const address = { hostname: "::1", port: 1 };
  assert.deepEqual(await resolveListenAddress(address, () => Promise.reject()), address);
});

Deno.test("resolveListenAddress() names a host that does not exist", async () => {
  const failing = () => Promise.reject(new Error("ENOTFOUND"));
  await assert.rejects(
    resolveListenAddress({ hostname: "nowhere", port: 1 }, failing),
    (error) => error instanceof TerminalError && /"nowhere": ENOTFOUND/.test(error.message),
  );
});
