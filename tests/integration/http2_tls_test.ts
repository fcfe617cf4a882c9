import assert from "node:assert/strict";
import http2 from "node:http2";
import { makeCertificate } from "../support/certificate.ts";
import { sampleWasm } from "../support/fixtures.ts";
import { TestSuite } from "../support/test_suite.ts";
import { within } from "../support/wait.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

/** One GET on an HTTP/2 session: status and body. */
function get(
  session: http2.ClientHttp2Session,
  path: string,
): Promise<{ status: number; body: string }> {
  const stream = session.request({ ":path": path });
  return within(
    new Promise((resolve, reject) => {
      let status = 0;
      let body = "";
      stream.setEncoding("utf8");
      stream.on("response", (headers) => status = Number(headers[":status"]));
      stream.on("data", (text: string) => body += text);
      stream.on("end", () => resolve({ status, body }));
      stream.on("error", reject);
      stream.end();
    }),
    { what: `an answer to ${path} over HTTP/2`, timeoutMs: 10_000 },
  );
}

Deno.test("up speaks HTTP/2 to clients that begin with it", async () => {
  await using app = await suite.start({ from: sampleWasm("torture") });
  const session = http2.connect(app.baseUrl);
  try {
    const answers = await Promise.all([
      get(session, "/sleep?ms=50"),
      get(session, "/request"),
      get(session, "/bytes?n=200000"),
    ]);
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
    assert.equal(answers[0]!.body, "slept\n");
    assert.match(answers[1]!.body, /^authority 127\.0\.0\.1:\d+$/m);
    assert.equal(answers[2]!.body.length, 200_000);
  } finally {
    const closed = new Promise<void>((resolve) => session.close(() => resolve()));
    await within(closed, { what: "the session's end", timeoutMs: 5_000 });
  }
});

const certificate = makeCertificate(suite.directory());

Deno.test({
  name: "up serves HTTPS and offers HTTP/2",
  ignore: certificate === undefined, // no openssl here
  async fn() {
    const { certFile, keyFile, cert } = certificate!;
    await using app = await suite.start({
      from: sampleWasm("torture"),
      args: ["--tls-cert", certFile, "--tls-key", keyFile],
    });
    assert.match(app.baseUrl, /^https:\/\/127\.0\.0\.1:\d+$/);
    for (const isHttp2 of [true, false]) {
      using client = Deno.createHttpClient({ caCerts: [cert], http2: isHttp2, http1: !isHttp2 });
      const response = await fetch(`${app.baseUrl}/headers`, { client });
      assert.equal(response.status, 200);
      assert.match(await response.text(), /^spin-full-url: https:\/\/127\.0\.0\.1:\d+\/headers$/m);
    }
    using connection = await Deno.connectTls({
      hostname: "127.0.0.1",
      port: app.port,
      caCerts: [cert],
      alpnProtocols: ["h2", "http/1.1"],
    });
    assert.equal((await connection.handshake()).alpnProtocol, "h2");
  },
});

Deno.test({
  name: "up says what is wrong with a certificate or key",
  ignore: certificate === undefined,
  async fn() {
    const { certFile, keyFile } = certificate!;
    const from = sampleWasm("torture");
    const cases: [args: string[], code: number, message: RegExp][] = [
      [["--tls-cert", certFile], 2, /--tls-key/],
      [["--tls-cert", "/none.pem", "--tls-key", keyFile], 1, /--tls-cert "\/none\.pem"/],
      [["--tls-cert", keyFile, "--tls-key", keyFile], 1, /holds no PEM block "BEGIN CERTIFICATE"/],
    ];
    for (const [args, code, message] of cases) {
      const outcome = await suite.refuse({ from, args });
      assert.equal(outcome.code, code, outcome.stderr);
      assert.match(outcome.stderr, message);
    }
  },
});
