import assert from "node:assert/strict";
import {
  isIssuedBy,
  isKeyOf,
  makeCertificate,
  makeSelfSignedCertificate,
  readCertificate,
  splitCertificates,
} from "./certificates.ts";
import { der, derInteger, derObjectIdentifier, derTime, readDer } from "./der.ts";

const DAY = 86_400_000;

async function makeChain() {
  const now = Date.now();
  const authority = await makeCertificate({
    commonName: "test authority",
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + 100 * DAY),
  });
  const server = await makeCertificate({
    commonName: "localhost",
    names: ["localhost", "127.0.0.1", "::1", "fd00::1:2"],
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + DAY),
    issuer: authority,
  });
  return { authority, server };
}

Deno.test("makeCertificate() makes a certificate that says what it was told to", async () => {
  const { server, authority } = await makeChain();
  const facts = readCertificate(server.cert);
  assert.deepEqual(facts.names.slice(0, 2), ["localhost", "127.0.0.1"]);
  assert.equal(facts.names.length, 4);
  assert.ok(Math.abs(facts.notAfter.getTime() - Date.now() - DAY) < 60_000);
  assert.equal(facts.notBefore < new Date(), true);
  assert.equal(isIssuedBy(server.cert, authority.cert), true);
  assert.equal(isKeyOf(server.key, server.cert), true);
});

Deno.test("isKeyOf() and isIssuedBy() tell certificates apart", async () => {
  const [one, other] = [await makeChain(), await makeChain()];
  assert.equal(isKeyOf(one.server.key, other.server.cert), false);
  assert.equal(isKeyOf("", one.server.cert), false);
  assert.equal(isKeyOf(one.server.key, "no certificate"), false);
  // The same name, another key.
  assert.equal(isIssuedBy(one.server.cert, other.authority.cert), false);
});

Deno.test("makeCertificate() makes certificates that TLS clients accept", async () => {
  const { authority, server } = await makeChain();
  await using listener = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert: server.cert,
    key: server.key,
    onListen() {},
  }, () => new Response("fine"));
  const { port } = listener.addr;
  for (const host of ["localhost", "127.0.0.1"]) {
    using client = Deno.createHttpClient({ caCerts: [authority.cert] });
    const response = await fetch(`https://${host}:${port}/`, { client });
    assert.equal(await response.text(), "fine", host);
  }
  using stranger = Deno.createHttpClient({ caCerts: [(await makeChain()).authority.cert] });
  await assert.rejects(fetch(`https://localhost:${port}/`, { client: stranger }), TypeError);
});

Deno.test("makeSelfSignedCertificate() makes one that is its own authority", async () => {
  const { cert, key } = await makeSelfSignedCertificate(["localhost"], { days: 10 });
  await using listener = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} },
    () => new Response("fine"),
  );
  using client = Deno.createHttpClient({ caCerts: [cert] });
  const response = await fetch(`https://localhost:${listener.addr.port}/`, { client });
  assert.equal(await response.text(), "fine");
  const { notAfter } = readCertificate(cert);
  assert.equal(Math.round((notAfter.getTime() - Date.now()) / DAY), 10);
});

Deno.test("makeCertificate() makes what openssl finds no fault with", async (test) => {
  const { authority, server } = await makeChain();
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/ca.pem`, authority.cert);
    await Deno.writeTextFile(`${directory}/server.pem`, server.cert);
    const checks = [
      ["verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", "sslserver", "server.pem"],
      ["verify", "-x509_strict", "-CAfile", "ca.pem", "-verify_ip", "fd00::1:2", "server.pem"],
      [
        "verify",
        "-x509_strict",
        "-CAfile",
        "ca.pem",
        "-verify_hostname",
        "localhost",
        "server.pem",
      ],
    ];
    for (const args of checks) {
      const command = new Deno.Command("openssl", { args, cwd: directory, stdin: "null" });
      const { success, stderr } = await command.output();
      assert.ok(success, new TextDecoder().decode(stderr));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await test.step({ name: "there is no openssl", ignore: true, fn() {} });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("splitCertificates() finds each certificate of a bundle", async () => {
  const { authority, server } = await makeChain();
  assert.deepEqual(splitCertificates(`${authority.cert}text\n${server.cert}`), [
    authority.cert,
    server.cert,
  ]);
  assert.deepEqual(splitCertificates(""), []);
});

Deno.test("readCertificate() refuses what is no certificate", () => {
  assert.throws(() => readCertificate("x"), SyntaxError);
});

Deno.test("makeCertificate() refuses an issuer that is none", async () => {
  const times = { notBefore: new Date(), notAfter: new Date() };
  const { key } = await makeSelfSignedCertificate(["a"]);
  for (const cert of ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]) {
    await assert.rejects(
      makeCertificate({ commonName: "b", names: ["b"], ...times, issuer: { cert, key } }),
      SyntaxError,
    );
  }
});

Deno.test("der() writes values as X.690 has them", () => {
  const cases: [Uint8Array, string][] = [
    [derInteger(new Uint8Array([0, 0])), "020100"],
    [derInteger(new Uint8Array([0, 0x7f])), "02017f"],
    [derInteger(new Uint8Array([0x80])), "02020080"],
    [derObjectIdentifier("1.2.840.10045.4.3.2"), "06082a8648ce3d040302"],
    [derTime(new Date("2049-12-31T23:59:59Z")), "170d3439313233313233353935395a"],
    [derTime(new Date("2050-01-01T00:00:00Z")), "180f32303530303130313030303030305a"],
    [der(4, new Uint8Array(200)).subarray(0, 3), "0481c8"],
    [der(4, new Uint8Array(300)).subarray(0, 4), "0482012c"],
  ];
  for (const [bytes, hex] of cases) assert.equal(bytes.toHex(), hex);
});

Deno.test("readDer() reads what der() wrote and refuses what is cut off", () => {
  const bytes = new Uint8Array([
    ...der(4, new Uint8Array(300)),
    ...derInteger(new Uint8Array([5])),
  ]);
  assert.deepEqual(readDer(bytes).map(({ tag, content }) => [tag, content.length]), [[4, 300], [
    2,
    1,
  ]]);
  for (const cut of [1, 2, 3, 100, bytes.length - 1]) {
    assert.throws(() => readDer(bytes.slice(0, cut)), SyntaxError, `${cut}`);
  }
});
