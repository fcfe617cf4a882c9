import assert from "node:assert/strict";
import {
  expandServiceChaining,
  isAllowed,
  isHostMentioned,
  isSelfAllowed,
  parseAllowedHost,
  parseAllowedHosts,
  parseOutboundUrl,
  serviceChainingTarget,
} from "./allowed_hosts.ts";

const DECISIONS: [entry: string, url: string, expected: boolean][] = [
  ["http://example.com", "http://example.com", true],
  ["http://example.com", "http://example.com:80/path?q", true],
  ["http://example.com", "http://example.com:8080", false],
  ["http://example.com", "https://example.com", false],
  ["http://example.com/", "http://example.com", true],
  ["http://example.com:8080/", "http://example.com:8080", true],
  ["  http://example.com  ", "http://EXAMPLE.com", true],
  ["http://Example.COM", "http://example.com", true],
  ["*://example.com:*", "redis://example.com", true],
  ["*://example.com:7", "tcp://example.com:7", true],
  ["*://*:*", "udp://1.2.3.4:53", true],
  ["*://*:80", "udp://1.2.3.4", false],
  ["http://*:1000..1002", "http://a:1001", true],
  ["http://*:1000..1002", "http://a:1002", false],
  ["http://*:1000..1000", "http://a:1000", false],
  ["http://*.example.com", "http://a.b.example.com", true],
  ["http://*.example.com", "http://example.com", false],
  ["http://*.example.com", "http://badexample.com", false],
  ["http://*.EXAMPLE.com", "http://a.example.COM", true],
  ["http://*.0.0.1", "http://127.0.0.1", false],
  ["*://10.1.2.3/8:*", "tcp://10.200.0.1:5", true],
  ["*://10.0.0.0/8:*", "tcp://11.0.0.1:5", false],
  ["*://10.0.0.0/8:*", "http://ten.example", false],
  ["*://[fd00::/8]:*", "tcp://[fd12::1]:5", true],
  ["*://fd00::/8:*", "tcp://[fe80::1]:5", false],
  ["http://[::1]:3000", "http://[0:0::1]:3000", true],
  ["http://127.0.0.1", "http://127.1", true],
  ["redis://localhost", "localhost:6379", true],
  ["redis://localhost", "localhost", true],
  ["postgres://db.example", "postgres://user:p%23a%3Fss@db.example/name", true],
  ["postgres://db.example", "postgres://user:p#a?ss@db.example/name", false],
  ["redis://good:6379", "redis://evil:6379?@good:6379", false],
  ["redis://good:6379", "redis://evil:6379#@good:6379", false],
  ["postgres://db.example", "postgres://db.example:pw@evil.example/name", false],
  ["https://example.com", "https://example.com/file@0.1.0.json", true],
  ["*://good.example:*", "http://evil.example?@good.example", false],
  ["*://good.example:*", "http://evil.example\\\\@good.example", false],
  ["*://good.example:*", "HTTP://evil.example#@good.example", false],
  ["mqtt://broker", "mqtt://broker:1883", true],
  ["http://self", "http://self", false],
  ["http://self", "http://self.alt/x", true],
  ["http://self.alt", "https://self.alt", true],
  ["redis://self", "http://self.alt", false],
  ["http://*:*", "http://self.alt", true],
  ["http://bücher.example", "http://xn--bcher-kva.example", true],
  ["http://a.spin.internal", "http://A.spin.internal", true],
  ["http://example.com", "", false],
  ["*://*:*", "::::", false],
];

Deno.test("isAllowed() decides by scheme, host and port", () => {
  for (const [entry, url, expected] of DECISIONS) {
    const actual = isAllowed([parseAllowedHost(entry)], url, "redis");
    assert.equal(actual, expected, `${entry} and ${url}`);
  }
});

const MISTAKES: [entry: string, message: RegExp][] = [
  ["example.com", /^"example.com" does not contain a scheme \(e\.g\., 'http:\/\/' or '\*:\/\/'\)$/],
  [
    "*",
    /^"\*" is not an allowed outbound host format\. .*<scheme>:\/\/<host>\[:<port>\].*'\*:\/\/\*:\*'/,
  ],
  [":", /is not an allowed outbound host format/],
  ["?", /is not an allowed outbound host format/],
  ["", /is not an allowed outbound host format/],
  ["insecure:allow-all", /use '\*:\/\/\*:\*' instead/],
  ["http://a:99999", /^Invalid allowed host port "99999"$/],
  ["http://a:1..70000", /^Invalid allowed host port "1\.\.70000"$/],
  ["http://a:b", /^Invalid allowed host port "b"$/],
  ["http://a/b", /has a path but is not allowed to/],
  ["http://a:80/b", /has a path but is not allowed to/],
  ["http://a//", /has a path but is not allowed to/],
  ["{http,https}://a", /scheme lists are not supported/],
  ["ht2p://a:80", /scheme "ht2p" contains non alphabetic character/],
  ["://a:80", /scheme "" contains/],
  ["HTTP://a", /the scheme "HTTP" does not have a known default port number/],
  ["*://a", /the scheme "\*" does not have a known default port number/],
  ["http://{a,b}", /host lists are not supported/],
  ["http://a.*.b", /wildcards are allowed only/],
  ["http://*.*.b", /wildcards are allowed only/],
  ["http://", /the host is empty/],
  ["http://10.0.0.0/33", /not a network in CIDR form/],
  ["http://::1:80", /brackets/],
  ["http://a b", /Invalid allowed host "a b"/],
];

Deno.test("parseAllowedHost() refuses what is not in the grammar", () => {
  for (const [entry, message] of MISTAKES) {
    assert.throws(() => parseAllowedHost(entry), { name: "SyntaxError", message }, entry);
  }
});

Deno.test("parseAllowedHosts() skips entries that a variable left empty", () => {
  const hosts = parseAllowedHosts(["", "http://", " https:// ", "http://a"]);
  assert.deepEqual(hosts.map(({ original }) => original), ["http://a"]);
});

Deno.test("isSelfAllowed() ignores ports and wants an HTTP scheme", () => {
  const allows = (entry: string) => isSelfAllowed([parseAllowedHost(entry)]);
  assert.ok(allows("http://self") && allows("https://self:1") && allows("*://*:5"));
  assert.ok(!allows("redis://self") && !allows("http://example.com"));
});

Deno.test("isHostMentioned() ignores scheme and port", () => {
  const hosts = parseAllowedHosts(["redis://db.example:1", "http://*.example.org"]);
  assert.ok(isHostMentioned(hosts, "DB.example") && isHostMentioned(hosts, "a.example.org"));
  assert.ok(!isHostMentioned(hosts, "example.org") && !isHostMentioned(hosts, ""));
});

Deno.test("serviceChainingTarget() finds the component", () => {
  assert.equal(serviceChainingTarget("http://a.spin.internal"), "a");
  assert.equal(serviceChainingTarget("*://A.Spin.Internal:80/"), "a");
  assert.equal(serviceChainingTarget("http://*.spin.internal"), "*");
  assert.equal(serviceChainingTarget("http://spin.internal"), undefined);
  assert.equal(serviceChainingTarget("{{ url }}"), undefined);
});

Deno.test("expandServiceChaining() names every component", () => {
  assert.deepEqual(
    expandServiceChaining(["http://x", "http://*.spin.internal:80"], ["a", "b"]),
    ["http://x", "http://a.spin.internal:80", "http://b.spin.internal:80"],
  );
});

Deno.test("parseOutboundUrl() never throws", () => {
  for (
    const url of ["", "@", "://", "a@b@c", "\ud800@x", "http://[", "http:///", "x:".repeat(500)]
  ) {
    parseOutboundUrl(url, "http");
  }
});

Deno.test("parseAllowedHost() throws nothing but SyntaxError, and what it gives can be matched", () => {
  const seed = Date.now() | 0;
  let state = seed;
  const pieces = [
    "http",
    "*",
    "://",
    ":",
    "/",
    ".",
    "[",
    "]",
    "::1",
    "%e",
    "10.0.0.0",
    "/8",
    "{",
    "}",
  ]
    .concat([
      "self",
      "*.",
      "..",
      "80",
      "99999",
      "@",
      "?",
      "#",
      "\\",
      " ",
      "a-b",
      "\ud800",
      "é",
      "\0",
    ]);
  for (let run = 0; run < 2000; run++) {
    let text = "http://";
    for (let i = 0; i < 6; i++) {
      state = (Math.imul(state, 1103515245) + 12345) | 0;
      text += pieces[(state >>> 8) % pieces.length];
    }
    try {
      isAllowed([parseAllowedHost(text)], text, "http");
    } catch (error) {
      const message = `seed ${seed}: ${JSON.stringify(text)}: ${error}`;
      assert.ok(error instanceof SyntaxError, message);
    }
  }
});
