import assert from "node:assert/strict";
import type { OutboundPolicy } from "./component_context.ts";
import { createConnectionLimits } from "./connection_limits.ts";
import { createBlockedNetworks } from "./ip_networks.ts";
import { createOutboundPolicy, type OutboundPolicyOptions } from "./outbound_policy.ts";

function policy(
  entries: string[],
  options: Partial<OutboundPolicyOptions> = {},
): { policy: OutboundPolicy; lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    policy: createOutboundPolicy({
      entries,
      componentIds: ["front", "back"],
      resolve(name) {
        throw new Error(`no variable ${name}`);
      },
      blocked: createBlockedNetworks([]),
      limits: createConnectionLimits({}),
      keepsConnections: true,
      report: (reported) => lines.push(...reported),
      ...options,
    }),
  };
}

Deno.test("check() answers at once and applies schemes, hosts and ports", () => {
  const cases: [string[], string, string, boolean][] = [
    [["https://example.com"], "https://example.com", "https", true],
    [["https://example.com"], "https://example.com:443/a?b", "https", true],
    [["https://example.com"], "https://example.com:444", "https", false],
    [["https://example.com"], "http://example.com", "https", false],
    [["*://127.0.0.0/24:7"], "tcp://127.0.0.9:7", "tcp", true],
    [["redis://localhost:6379"], "localhost:6379", "redis", true],
    [["http://*.spin.internal"], "http://back.spin.internal/x", "http", true],
    [["http://*.spin.internal"], "http://gone.spin.internal/x", "http", false],
    [["http://self"], "http://self.alt/x", "http", true],
    [["http://"], "http://example.com", "http", false],
    [[], "http://example.com", "http", false],
  ];
  for (const [entries, url, scheme, expected] of cases) {
    assert.equal(policy(entries).policy.check(url, scheme), expected, `${entries} ${url}`);
  }
});

Deno.test("check() reports a refusal once for each destination", () => {
  const { policy: outbound, lines } = policy([]);
  for (const path of ["/a", "/b"]) {
    outbound.check(`https://example.com:8443${path}?secret=1`, "https");
  }
  outbound.checkSelf();
  outbound.check("http://self.alt/x", "http");
  assert.deepEqual(lines, [
    "A component tried to make an outbound network connection to disallowed destination " +
    "'https://example.com:8443'.",
    "To allow this request, add 'allowed_outbound_hosts = [\"https://example.com:8443\"]' to the " +
    "manifest component section.",
    "A component tried to make an outbound network connection to disallowed destination 'self'.",
    "To allow this request, add 'allowed_outbound_hosts = [\"http://self\"]' to the manifest " +
    "component section.",
    "A component tried to make an outbound network connection to disallowed destination " +
    "'http://self.alt'.",
    "To allow this request, add 'allowed_outbound_hosts = [\"http://self\"]' to the manifest " +
    "component section.",
  ]);
});

Deno.test("check() asks only for the variables that the entries mention", async () => {
  const asked: string[] = [];
  const values: Record<string, string> = { host: "example.com", prefix: "127.0.0.0", bits: "24" };
  const resolve = (name: string) => {
    asked.push(name);
    const value = values[name];
    if (value === undefined) throw new Error("no value");
    return value;
  };
  const entries = ["https://{{ host }}", "*://{{prefix}}/{{bits}}:7", "http://{{ gone }}"];
  const { policy: outbound } = policy(entries, { resolve });
  assert.equal(outbound.check("https://example.com", "https"), true);
  assert.deepEqual(asked, ["host", "prefix", "bits", "gone"]);
  assert.equal(outbound.check("tcp://127.0.0.3:7", "tcp"), true);
  values.host = "other.com";
  assert.equal(outbound.check("https://example.com", "https"), false);

  const slow = policy(entries, {
    resolve: (name) =>
      name === "gone" ? Promise.reject(new Error("down")) : Promise.resolve("a.com"),
  });
  const answer = slow.policy.check("https://a.com", "https");
  assert.ok(answer instanceof Promise);
  assert.equal(await answer, true);
});

Deno.test("check() ignores an entry that its variable spoils, and hides the value", () => {
  const { policy: outbound, lines } = policy(["{{ token }}", "http://a.com"], {
    resolve: () => "hunter2",
  });
  assert.equal(outbound.check("http://a.com", "http"), true);
  assert.equal(outbound.check("http://a.com", "http"), true);
  assert.deepEqual(lines, [
    'The entry "{{ token }}" of allowed_outbound_hosts is ignored: with its variables filled in it ' +
    "is not of the form <scheme>://<host>[:<port>].",
  ]);
});

Deno.test("mayResolve() admits names of the entries, admit() their addresses", () => {
  const { policy: outbound } = policy(["*://db.example.com:5432"]);
  assert.equal(outbound.mayResolve("db.example.com"), true);
  assert.equal(outbound.mayResolve("www.example.com"), false);
  assert.equal(outbound.check("tcp://192.0.2.1:5432", "tcp"), false);
  outbound.admit!("DB.example.com", ["192.0.2.1", "2001:db8::1"]);
  assert.equal(outbound.check("tcp://192.0.2.1:5432", "tcp"), true);
  assert.equal(outbound.check("tcp://[2001:db8::1]:5432", "tcp"), true);
  assert.equal(outbound.check("tcp://192.0.2.1:80", "tcp"), false);
});

Deno.test("openConnection() counts against the limits of kind and total", () => {
  const limits = createConnectionLimits({ http: 1, total: 2 });
  const { policy: outbound } = policy([], { limits });
  const close = outbound.openConnection!("http")!;
  assert.equal(outbound.openConnection!("http"), undefined);
  assert.ok(outbound.openConnection!("socket"));
  assert.equal(outbound.openConnection!("socket"), undefined);
  close();
  close();
  assert.ok(outbound.openConnection!("http"));
  assert.equal(outbound.openConnection!("http"), undefined);
});

Deno.test("createBlockedNetworks() knows every address that is not global", () => {
  const blocked = createBlockedNetworks(["private"]);
  const addresses: [string, boolean][] = [
    ["10.1.2.3", true],
    ["127.0.0.1", true],
    ["169.254.169.254", true],
    ["100.64.0.1", true],
    ["0.0.0.0", true],
    ["255.255.255.255", true],
    ["8.8.8.8", false],
    ["172.32.0.1", false],
    ["::1", true],
    ["[::1]", true],
    ["::", true],
    ["fe80::1%eth0", true],
    ["fd12::1", true],
    ["2001:db8::1", true],
    ["2606:4700::1111", false],
    ["::ffff:10.0.0.1", true],
    ["::ffff:8.8.8.8", false],
    ["::ffff:a00:1", true],
    ["::10.0.0.1", true],
    ["64:ff9b::a00:1", true],
    ["64:ff9b::808:808", false],
    ["2002:a00:1::", true],
    ["not an address", true],
  ];
  for (const [ip, expected] of addresses) assert.equal(blocked.has(ip), expected, ip);
});

Deno.test("createBlockedNetworks() takes networks, addresses and nothing else", () => {
  const blocked = createBlockedNetworks(["192.0.2.77/24", "2001:db8::/32", "8.8.8.8"]);
  for (const ip of ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8:1::", "8.8.8.8"]) {
    assert.equal(blocked.has(ip), true, ip);
  }
  assert.equal(blocked.has("10.0.0.1"), false);
  assert.equal(createBlockedNetworks([]).has("10.0.0.1"), false);
  for (const wrong of ["", "10.0.0.0/33", "example.com", "10.0.0.0/x", "Private"]) {
    assert.throws(() => createBlockedNetworks([wrong]), RangeError, wrong);
  }
});
