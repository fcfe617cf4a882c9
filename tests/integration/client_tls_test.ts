/**
 * `[[client_tls]]`: whom guests trust and what they show, with OpenSSL as the server.
 *
 * @module
 */

import assert from "node:assert/strict";
import { manifest, sampleWasm, writeManifest } from "../support/fixtures.ts";
import type { RunningApp } from "../support/running_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import {
  type CertificateFiles,
  hasOpenssl,
  TestAuthority,
  TlsServer,
} from "../support/tls_server.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

const isThere = hasOpenssl();

function tlsTest(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({
    name: isThere ? name : `${name} (needs openssl, which is not installed)`,
    ignore: !isThere,
    fn,
  });
}

/** Guests of all kinds of outbound HTTP: `old` and `new` are in the tables, `other` is not. */
async function start(
  tables: string,
  options: { directory?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<RunningApp> {
  const directory = options.directory ?? suite.directory();
  const hosts = ["https://127.0.0.1:*", "https://localhost:*"];
  const script = { source: sampleWasm("script-js"), allowedOutboundHosts: hosts };
  const labels = ['key_value_stores = ["default"]', 'sqlite_databases = ["default"]'];
  const from = writeManifest(
    directory,
    manifest([
      { id: "old", route: "/old", ...script, lines: labels },
      { id: "other", route: "/other", ...script, lines: labels },
      {
        id: "new",
        route: "/outbound",
        source: sampleWasm("rust-async"),
        allowedOutboundHosts: hosts,
        lines: ['key_value_stores = ["default"]'],
      },
    ]),
  );
  Deno.writeTextFileSync(`${directory}/runtime-config.toml`, tables);
  return await suite.start({
    from,
    args: ["--workers", "1", "--runtime-config-file", `${directory}/runtime-config.toml`],
    ...(options.env ? { env: options.env } : {}),
  });
}

/** Ways to make a request: each gives the answer's text, or the error. */
const WAYS: Readonly<Record<string, (app: RunningApp, authority: string) => Promise<string>>> = {
  "wasi:http@0.2": (app, authority) => wasi02(app, { path: "/old", authority }),
  "wasi:http@0.3": async (app, authority) =>
    (await app.get(`/outbound?url=https://${authority}/`)).body,
  "fermyon:spin/http": async (app, authority) =>
    (await app.get("/old", {
      method: "POST",
      body: `const r = i.spinHttp.sendRequest({ method: "get", uri: "https://${authority}/",
        headers: [], params: [] });
        return r.status + " " + text(r.body ?? [])`,
    })).body,
};

async function wasi02(
  app: RunningApp,
  { path, authority }: { path: string; authority: string },
): Promise<string> {
  const script = `const r = new i.http.OutgoingRequest(i.http.Fields.fromList([]));
    r.setScheme({ tag: "HTTPS" }); r.setAuthority("${authority}"); r.setPathWithQuery("/");
    const f = i.outgoingHandler.handle(r, undefined);
    f.subscribe().block();
    const answer = f.get().val;
    if (answer.tag === "err") return answer.val;
    const stream = answer.val.consume().stream();
    let all = "";
    try { for (;;) all += text(stream.blockingRead(65536)) } catch {}
    return answer.val.status() + " " + all`;
  return (await app.get(path, { method: "POST", body: script })).body;
}

tlsTest("a guest trusts the authorities of its table, for the table's hosts", async (t) => {
  const directory = suite.directory();
  const authority = new TestAuthority(directory, { name: "authority" });
  await using server = await TlsServer.start(
    authority.issue("server", "IP:127.0.0.1,DNS:localhost"),
  );
  const table = (lines: string) =>
    `[[client_tls]]\ncomponent_ids = ["old", "new"]\n${lines}\nca_roots_file = "authority.pem"\n`;
  const app = await start(table('hosts = ["127.0.0.1"]'), { directory });
  for (const [name, send] of Object.entries(WAYS)) {
    await t.step(`${name}: a host of the table`, async () => {
      assert.match(
        await send(app, `127.0.0.1:${server.port}`),
        /200.*TLSv1\.[23]/s,
      );
    });
    await t.step(`${name}: another host`, async () => {
      assert.match(await send(app, `localhost:${server.port}`), ERROR);
    });
  }
  await t.step("a component that is not in the table", async () => {
    const answer = await wasi02(app, { path: "/other", authority: `127.0.0.1:${server.port}` });
    assert.deepEqual(JSON.parse(answer), { tag: "TLS-certificate-error" });
  });
  await t.step("a component may trust the platform's authorities instead", async () => {
    await using platform = await start(
      table('hosts = ["127.0.0.1"]').replace(/ca_roots_file.*/, "ca_use_platform_roots = true"),
    );
    for (const send of Object.values(WAYS)) {
      assert.match(await send(platform, `127.0.0.1:${server.port}`), ERROR);
    }
  });
  await t.step("the first table that fits counts, and so do patterns and capitals", async () => {
    await using several = await start(
      table('hosts = ["LOCALHOST", "*.example.com"]') +
        '[[client_tls]]\ncomponent_ids = ["old", "new", "other"]\nhosts = ["localhost", "127.0.0.1"]\n' +
        "ca_use_webpki_roots = true\n",
      { directory },
    );
    for (const send of Object.values(WAYS)) {
      assert.match(await send(several, `localhost:${server.port}`), /200/);
      assert.match(await send(several, `127.0.0.1:${server.port}`), ERROR);
    }
  });
});

/** What guests are told of a certificate that they do not trust. */
const ERROR = /TLS-certificate-error|TlsCertificateError|runtime-error/;

tlsTest("a guest shows the certificate of its table", async (t) => {
  const directory = suite.directory();
  const authority = new TestAuthority(directory, { name: "authority" });
  const strangers = new TestAuthority(directory, { name: "strangers" });
  const client = authority.issue("client", "DNS:client");
  const stranger = strangers.issue("stranger", "DNS:stranger");
  await using server = await TlsServer.start(authority.issue("server", "IP:127.0.0.1"), {
    clientRoots: authority.root,
  });
  const table = ({ cert, key }: Partial<CertificateFiles>) =>
    '[[client_tls]]\ncomponent_ids = ["old", "new"]\nhosts = ["127.0.0.1"]\n' +
    'ca_roots_file = "authority.pem"\n' +
    (cert === undefined
      ? ""
      : `client_cert_file = "${cert}"\nclient_private_key_file = "${key}"\n`);
  const good = await start(table(client), { directory });
  for (const [name, send] of Object.entries(WAYS)) {
    await t.step(`${name}: the right one`, async () => {
      // What the server writes of the client's certificate.
      assert.match(await send(good, `127.0.0.1:${server.port}`), /200.*CN ?= ?client/s);
    });
  }
  for (const [name, files] of Object.entries({ "none": {}, "one of strangers": stranger })) {
    await t.step(name, async () => {
      await using app = await start(table(files), { directory });
      for (const [way, send] of Object.entries(WAYS)) {
        const answer = await send(app, `127.0.0.1:${server.port}`);
        assert.doesNotMatch(answer, /200/, way);
        assert.match(answer, /TLS|Tls|terminated|Terminated|runtime-error/, way);
      }
    });
  }
});

tlsTest("a guest refuses certificates that are not good", async (t) => {
  const directory = suite.directory();
  const authority = new TestAuthority(directory, { name: "authority" });
  const app = await start(
    '[[client_tls]]\ncomponent_ids = ["old", "new"]\nhosts = ["127.0.0.1"]\nca_roots_file = "authority.pem"\n',
    { directory },
  );
  await t.step("of another host", async () => {
    await using server = await TlsServer.start(authority.issue("elsewhere", "DNS:example.com"));
    for (const [way, send] of Object.entries(WAYS)) {
      assert.match(await send(app, `127.0.0.1:${server.port}`), ERROR, way);
    }
  });
  await t.step("of an unknown authority", async () => {
    const strangers = new TestAuthority(directory, { name: "strangers" });
    await using server = await TlsServer.start(strangers.issue("server", "IP:127.0.0.1"));
    for (const [way, send] of Object.entries(WAYS)) {
      assert.match(await send(app, `127.0.0.1:${server.port}`), ERROR, way);
    }
  });
  await t.step("a server that speaks no TLS", async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const serving = (async () => {
      for await (const connection of listener) {
        await connection.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
        connection.close();
      }
    })();
    for (const [way, send] of Object.entries(WAYS)) {
      const answer = await send(app, `127.0.0.1:${listener.addr.port}`);
      assert.match(answer, /TLS-protocol-error|TlsProtocolError|runtime-error/, way);
    }
    listener.close();
    await serving;
  });
});

tlsTest("up names all that is wrong with [[client_tls]]", async () => {
  const directory = suite.directory();
  const authority = new TestAuthority(directory, { name: "authority" });
  const one = authority.issue("one", "DNS:one");
  const two = authority.issue("two", "DNS:two");
  Deno.writeTextFileSync(`${directory}/garbage.pem`, "garbage");
  const from = writeManifest(directory, manifest([{ id: "a", route: "/..." }]));
  const base = 'component_ids = ["a"]\nhosts = ["x"]\n';
  const cases: [lines: string, problem: string][] = [
    ['hosts = ["x"]\n', 'client_tls[0] needs the key "component_ids"'],
    ['component_ids = []\nhosts = ["x"]\n', "'component_ids' list may not be empty"],
    ['component_ids = ["a"]\nhosts = []\n', "'hosts' list may not be empty"],
    [
      'component_ids = ["a"]\nhosts = ["x:443"]\n',
      `invalid TLS 'host' "x:443"; ports not currently supported`,
    ],
    [`${base}ca_root_file = "x"\n`, 'did you mean "ca_roots_file"'],
    [`${base}ca_use_platform_roots = false\n`, "client_tls[0] trusts nobody"],
    [`${base}ca_roots_file = "absent.pem"\n`, "failed to load certificate(s) from '"],
    [`${base}ca_roots_file = "garbage.pem"\n`, "it has no PEM certificate in it"],
    [
      `${base}client_cert_file = "${one.cert}"\n`,
      "client_cert_file specified without client_private_key_file",
    ],
    [
      `${base}client_private_key_file = "${one.key}"\n`,
      "client_private_key_file specified without client_cert_file",
    ],
    [
      `${base}client_cert_file = "${one.cert}"\nclient_private_key_file = "garbage.pem"\n`,
      "it is no PEM private key without a password",
    ],
    [
      `${base}client_cert_file = "${one.cert}"\nclient_private_key_file = "${two.key}"\n`,
      "does not belong to the certificate in",
    ],
  ];
  const file = `${directory}/config.toml`;
  Deno.writeTextFileSync(file, cases.map(([lines]) => `[[client_tls]]\n${lines}`).join(""));
  const { code, stderr } = await suite.refuse({ from, args: ["--runtime-config-file", file] });
  assert.equal(code, 1, stderr);
  for (const [index, [, problem]] of cases.entries()) {
    const expected = problem.replace("client_tls[0]", `client_tls[${index}]`);
    assert.ok(stderr.includes(expected), `${expected}\n${stderr}`);
  }
});
