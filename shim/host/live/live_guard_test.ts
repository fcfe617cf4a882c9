import assert from "node:assert/strict";
import { isLoopback, refusal } from "./live_guard.ts";

const LINK = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

const CASES: readonly { name: string; headers: Record<string, string>; isRefused: boolean }[] = [
  { name: "a program", headers: { host: "127.0.0.1:3080" }, isRefused: false },
  { name: "localhost", headers: { host: "LocalHost:3080" }, isRefused: false },
  { name: "IPv6", headers: { host: "[::1]:3080" }, isRefused: false },
  { name: "a forwarded port", headers: { host: "localhost:9999" }, isRefused: false },
  { name: "no host", headers: {}, isRefused: true },
  { name: "another host", headers: { host: "evil.example:3080" }, isRefused: true },
  {
    name: "a host that looks like it",
    headers: { host: "127.0.0.1.evil.example" },
    isRefused: true,
  },
  { name: "a host that begins like it", headers: { host: "localhost.evil" }, isRefused: true },
  { name: "a host that ends like it", headers: { host: "evil.localhost" }, isRefused: true },
  { name: "this machine in its network", headers: { host: "192.168.0.2:3080" }, isRefused: true },
  {
    name: "the page itself",
    headers: { host: "127.0.0.1", "sec-fetch-site": "same-origin" },
    isRefused: false,
  },
  {
    name: "an address that was typed",
    headers: { host: "127.0.0.1", "sec-fetch-site": "none", ...LINK },
    isRefused: false,
  },
  {
    name: "a link of another site",
    headers: { host: "127.0.0.1", "sec-fetch-site": "cross-site", ...LINK },
    isRefused: false,
  },
  {
    name: "a script of another site",
    headers: { host: "127.0.0.1", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
    isRefused: true,
  },
  {
    name: "a script of the app",
    headers: { host: "127.0.0.1", "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" },
    isRefused: true,
  },
  {
    name: "a frame of another site",
    headers: {
      host: "127.0.0.1",
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "iframe",
    },
    isRefused: true,
  },
];

for (const { name, headers, isRefused } of CASES) {
  Deno.test(`refusal() ${isRefused ? "refuses" : "lets in"} ${name}`, () => {
    const reason = refusal((header) => headers[header] ?? null);
    assert.equal(reason !== undefined, isRefused, String(reason));
  });
}

Deno.test("isLoopback() is true for addresses of this machine alone", () => {
  const addresses = ["127.0.0.1", "127.8.9.1", "::1", "0.0.0.0", "::", "10.0.0.1", "localhost"];
  assert.deepEqual(addresses.filter(isLoopback), ["127.0.0.1", "127.8.9.1", "::1"]);
});
