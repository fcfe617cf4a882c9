import assert from "node:assert/strict";
import { makeSelfSignedCertificate } from "../../lib/certificates.ts";
import { TerminalError } from "../../lib/errors.ts";
import { MAX_REVIEW_BYTES } from "./admission_review.ts";
import type { ExecutorLookup } from "./executor_lookup.ts";
import { callSelf } from "./self_call.ts";
import { type WebhookObserver, WebhookServer } from "./webhook_server.ts";

const PATH = "/validate-core-spinkube-dev-v1alpha1-spinapp";

/** Executors that are found when the test says so. */
function gatedExecutors(gate: Promise<void>): ExecutorLookup {
  return {
    names: () => Promise.resolve({ namespace: [], cluster: [] }),
    find: async () => {
      await gate;
      return undefined;
    },
  };
}

const NO_EXECUTORS = gatedExecutors(Promise.resolve());

async function start(options: { executors?: ExecutorLookup; observer?: WebhookObserver } = {}) {
  const certificate = await makeSelfSignedCertificate(["localhost"]);
  const server = await WebhookServer.start({
    hostname: "127.0.0.1",
    port: 0,
    certificate,
    context: { executors: options.executors ?? NO_EXECUTORS, onTrouble() {} },
    ...(options.observer ? { observer: options.observer } : {}),
  });
  const client = Deno.createHttpClient({ caCerts: [certificate.cert] });
  return {
    server,
    certificate,
    client,
    post: (path: string, body: BodyInit) =>
      fetch(`https://localhost:${server.port}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
        client,
      }),
    async [Symbol.asyncDispose]() {
      client.close();
      await server.stop();
    },
  };
}

const REVIEW = JSON.stringify({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "u-1",
    operation: "CREATE",
    name: "shop",
    namespace: "default",
    object: { metadata: { name: "shop" }, spec: { executor: "x", image: "y", replicas: 1 } },
  },
});

Deno.test("WebhookServer answers reviews, and counts them by their path", async () => {
  const counted: unknown[] = [];
  await using parts = await start({
    observer: {
      webhookAnswered: (path, { code, seconds }) =>
        counted.push([path, code, seconds >= 0 && seconds < 10]),
      webhookInFlight: (path, change) => counted.push([path, change]),
    },
  });
  const response = await parts.post(PATH, REVIEW);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal((await response.json()).response.uid, "u-1");
  assert.deepEqual(counted, [[PATH, 1], [PATH, 200, true], [PATH, -1]]);
  const unknown = await parts.post("/convert", REVIEW);
  assert.equal(unknown.status, 404);
  assert.equal(await unknown.text(), "404 page not found\n");
  const empty = await fetch(`https://localhost:${parts.server.port}${PATH}?timeout=10s`, {
    client: parts.client,
  });
  assert.equal((await empty.json()).response.status.message, "request body is empty");
});

Deno.test("WebhookServer refuses bodies of more than 7 MiB", async () => {
  await using parts = await start();
  const padded = REVIEW.padEnd(MAX_REVIEW_BYTES, " ");
  assert.equal((await (await parts.post(PATH, padded)).json()).response.status.code, 422);
  const response = await parts.post(PATH, `${padded} `);
  const { response: answer } = await response.json();
  assert.equal(response.status, 200);
  assert.equal(answer.allowed, false);
  assert.equal(answer.status.code, 413);
});

Deno.test("WebhookServer answers calls in hand before it stops", async () => {
  const gate = Promise.withResolvers<void>();
  const parts = await start({ executors: gatedExecutors(gate.promise) });
  try {
    const call = parts.post(PATH, REVIEW);
    // An idle connection does not hold it up.
    await callSelf({
      address: { hostname: "127.0.0.1", port: parts.server.port },
      hostname: "localhost",
      caBundle: parts.certificate.cert,
    });
    const stopped = parts.server.stop();
    gate.resolve();
    const response = await call;
    assert.equal((await response.json()).response.status.code, 422);
    await stopped;
    await assert.rejects(parts.post(PATH, REVIEW));
  } finally {
    parts.client.close();
  }
});

Deno.test("WebhookServer changes its certificate without losing a call", async () => {
  await using parts = await start();
  const certificates = [parts.certificate, await makeSelfSignedCertificate(["localhost"])];
  const caCerts = certificates.map(({ cert }) => cert);
  let isDone = false;
  async function callAgainAndAgain(): Promise<number> {
    let count = 0;
    while (!isDone) {
      // A connection of its own each time, and one that is used again.
      using client = Deno.createHttpClient({ caCerts });
      for (let times = 0; times < 2; times++) {
        const response = await fetch(`https://localhost:${parts.server.port}${PATH}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: REVIEW,
          client,
        });
        assert.equal((await response.json()).response.status.code, 422);
        count++;
      }
    }
    return count;
  }
  const callers = [callAgainAndAgain(), callAgainAndAgain(), callAgainAndAgain()];
  for (let change = 1; change <= 21; change++) {
    parts.server.useCertificate(certificates[change % 2]!);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  isDone = true;
  const counts = await Promise.all(callers);
  assert.ok(counts.every((count) => count > 0));
  // Now it has the second one, and nothing but that.
  const target = {
    address: { hostname: "127.0.0.1", port: parts.server.port },
    hostname: "localhost",
  };
  await callSelf({ ...target, caBundle: certificates[1]!.cert });
  await assert.rejects(callSelf({ ...target, caBundle: certificates[0]!.cert }), /certificate/);
  await assert.rejects(
    callSelf({ ...target, hostname: "other", caBundle: certificates[1]!.cert }),
    /not valid for name/,
  );
});

Deno.test("WebhookServer goes on after what is no call", async () => {
  await using parts = await start();
  const address = { hostname: "127.0.0.1", port: parts.server.port };
  const send = async (connection: Deno.Conn, text: string): Promise<void> => {
    await connection.write(new TextEncoder().encode(text));
    await connection.closeWrite().catch(() => {
      // It has been closed by the server.
    });
    await new Response(connection.readable).text().catch(() => {
      // Likewise.
    });
  };
  for (const text of ["", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00garbage"]) {
    await send(await Deno.connect(address), text);
  }
  const head = `POST ${PATH} HTTP/1.1\r\nhost: x\r\n`;
  for (const text of ["garbage\r\n\r\n", `${head}content-length: 100\r\n\r\nabc`]) {
    const caCerts = [parts.certificate.cert];
    await send(await Deno.connectTls({ ...address, hostname: "localhost", caCerts }), text);
  }
  await callSelf({ address, hostname: "localhost", caBundle: parts.certificate.cert });
});

Deno.test("WebhookServer says when its address is taken", async () => {
  await using parts = await start();
  await assert.rejects(
    WebhookServer.start({
      hostname: "127.0.0.1",
      port: parts.server.port,
      certificate: parts.certificate,
      context: { executors: NO_EXECUTORS, onTrouble() {} },
    }),
    (error) =>
      error instanceof TerminalError &&
      /^Cannot listen for webhooks on 127\.0\.0\.1 port \d+: /.test(error.message),
  );
});
