import assert from "node:assert/strict";
import { renewCertificates } from "../../controllers/webhooks/certificate_renewal.ts";
import { ensureCertificateSecret } from "../../controllers/webhooks/certificate_secret.ts";
import {
  MUTATING_WEBHOOK_CONFIGURATIONS,
  VALIDATING_WEBHOOK_CONFIGURATIONS,
} from "../../controllers/webhooks/webhook_configurations.ts";
import { OPERATOR } from "../../crds/contract.ts";
import { SPIN_APP_EXECUTORS, type SpinAppExecutor } from "../../crds/spin_app_executor.ts";
import {
  isIssuedBy,
  makeSelfSignedCertificate,
  splitCertificates,
} from "../../lib/certificates.ts";
import { TerminalError } from "../../lib/errors.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { type Secret, SECRETS } from "../../lib/kube/workload_types.ts";
import {
  CONFIGURATIONS,
  configureWebhooks,
  installCrds,
  recordLog,
  startTestWebhooks,
  untilReady,
} from "../support/admission.ts";
import { connect, startApiServer, whyNoApiServer } from "../support/api_server.ts";
import { waitUntil } from "../support/wait.ts";

const DAY = 86_400_000;
const SECRET = { name: "webhook-certificate", namespace: "default" };
const NAMES = ["127.0.0.1", "localhost"];

/** Fast enough for a test; API servers see changes of configurations within milliseconds. */
const TIMING = { checkMs: 100, settleMs: 500, retryMs: 100, filesMs: 50, selfCallMs: 0 };

interface Parts {
  /** Of the test. */
  readonly client: KubeClient;
  /** Of the operator. */
  readonly operator: KubeClient;
}

/** One after the other, since all of them are about the same objects. */
const CASES: readonly { readonly name: string; run(parts: Parts): Promise<void> }[] = [
  { name: "tell the API server whom to trust, again if somebody undoes it", run: testTrust },
  { name: "of replicas that start at the same time have the same certificate", run: testReplicas },
  { name: "renew certificate and authority while calls go on", run: testRenewal },
  { name: "use the files of a certificate directory, and follow them", run: testFiles },
  { name: "do not take over a Secret of somebody else", run: testForeignSecret },
];

Deno.test({
  name: "webhooks have certificates that the API server trusts",
  ignore: whyNoApiServer() !== undefined,
  async fn(test) {
    await using server = (await startApiServer())!;
    using own = await connect(server);
    using operator = await connect(server, OPERATOR);
    await installCrds(own.client);
    for (const { name, run } of CASES) {
      await test.step(name, async () => {
        try {
          await run({ client: own.client, operator: operator.client });
        } finally {
          await removeAll(own.client);
        }
      });
    }
  },
});

async function removeAll(client: KubeClient): Promise<void> {
  await client.delete(MUTATING_WEBHOOK_CONFIGURATIONS, { name: CONFIGURATIONS.mutating });
  await client.delete(VALIDATING_WEBHOOK_CONFIGURATIONS, { name: CONFIGURATIONS.validating });
  await client.delete(SECRETS, SECRET);
}

async function readSecret(client: KubeClient): Promise<Record<string, string>> {
  const { data = {} } = await client.get(SECRETS, SECRET);
  return Object.fromEntries(Object.entries(data).map(([key, text]) => [key, atob(text)]));
}

async function caBundles(client: KubeClient): Promise<string[]> {
  const found = await Promise.all([
    client.get(MUTATING_WEBHOOK_CONFIGURATIONS, { name: CONFIGURATIONS.mutating }),
    client.get(VALIDATING_WEBHOOK_CONFIGURATIONS, { name: CONFIGURATIONS.validating }),
  ]);
  return found.flatMap(({ webhooks = [] }) =>
    webhooks.map(({ clientConfig }) => atob(clientConfig?.caBundle ?? ""))
  );
}

function executor(name: string): SpinAppExecutor {
  return { metadata: { name, namespace: "default" }, spec: { createDeployment: false } };
}

/** Has executors admitted again and again; the failures are what the test is about. */
function keepAdmitting(client: KubeClient) {
  const failures: string[] = [];
  let count = 0;
  let isDone = false;
  async function admit(who: number): Promise<void> {
    while (!isDone) {
      try {
        await client.create(SPIN_APP_EXECUTORS, executor(`executor-${who}-${count}`));
      } catch (error) {
        failures.push(String(error));
      }
      count++;
    }
  }
  const callers = [admit(1), admit(2), admit(3)];
  return {
    failures,
    async stop(): Promise<number> {
      isDone = true;
      await Promise.all(callers);
      return count;
    },
  };
}

async function testTrust({ client, operator }: Parts): Promise<void> {
  const record = recordLog();
  const webhooks = await startTestWebhooks(operator, { log: record.log, timing: TIMING });
  try {
    assert.equal(await webhooks.ready(), false);
    await configureWebhooks(client, webhooks.port);
    await untilReady(webhooks, record);
    const { "ca.crt": authorities } = await readSecret(client);
    assert.deepEqual(await caBundles(client), Array(3).fill(authorities));
    const before = await client.get(MUTATING_WEBHOOK_CONFIGURATIONS, {
      name: CONFIGURATIONS.mutating,
    });
    // Nothing is written as long as all is well.
    await new Promise((resolve) => setTimeout(resolve, 5 * TIMING.checkMs));
    const after = await client.get(MUTATING_WEBHOOK_CONFIGURATIONS, {
      name: CONFIGURATIONS.mutating,
    });
    assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
    await client.mergePatch(MUTATING_WEBHOOK_CONFIGURATIONS, before.metadata, {
      patch: {
        webhooks: before.webhooks!.map((webhook) => ({
          ...webhook,
          clientConfig: { url: webhook.clientConfig!.url },
        })),
      },
    });
    await waitUntil(async () => (await caBundles(client))[0] === authorities, {
      what: "the bundle to come back",
    });
    await untilReady(webhooks, record);
    // A Secret that is gone is made anew, and everybody uses it.
    await client.delete(SECRETS, SECRET);
    await waitUntil(async () => {
      const bundles = await caBundles(client);
      return bundles.every((bundle) => bundle !== authorities) && await webhooks.ready();
    }, { what: "a new authority", explain: () => record.lines.join("\n") });
  } finally {
    await webhooks.stop();
  }
}

async function testReplicas({ client, operator }: Parts): Promise<void> {
  const records = Array.from({ length: 4 }, () => recordLog());
  const replicas = await Promise.all(
    records.map(({ log }) => startTestWebhooks(operator, { log, timing: TIMING })),
  );
  try {
    await configureWebhooks(client, replicas[0]!.port);
    for (const [index, replica] of replicas.entries()) {
      await untilReady(replica, records[index]!);
    }
    const { "ca.crt": authorities } = await readSecret(client);
    assert.equal(splitCertificates(authorities!).length, 1);
    assert.deepEqual(await caBundles(client), Array(3).fill(authorities));
    assert.deepEqual(
      records.flatMap(({ lines }) => lines.filter((line) => /ERROR/.test(line))),
      [],
    );
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop()));
  }
}

async function testRenewal({ client, operator }: Parts): Promise<void> {
  // An authority with less than two years left, and a certificate of it that is good.
  const past = (days: number): Date => new Date(Date.now() - days * DAY);
  const isTrusted = () => false;
  const old = await renewCertificates(undefined, {
    names: NAMES,
    now: past(8 * 365 + 10),
    isTrusted,
  });
  const encode = (text: string): string => btoa(text);
  await client.create(SECRETS, {
    metadata: {
      ...SECRET,
      annotations: { [OPERATOR.managedByAnnotation]: OPERATOR.managedBy },
    },
    type: "kubernetes.io/tls",
    data: {
      "tls.crt": encode(old.serving.cert),
      "tls.key": encode(old.serving.key),
      "ca.crt": encode(old.authorities),
      "ca.key": encode(old.authorityKey),
    },
  });
  await ensureCertificateSecret(operator, SECRET, { names: NAMES, now: past(20), isTrusted });
  const record = recordLog();
  let now = past(20);
  const webhooks = await startTestWebhooks(operator, {
    log: record.log,
    timing: TIMING,
    now: () => now,
  });
  await configureWebhooks(client, webhooks.port);
  await untilReady(webhooks, record);
  const before = await readSecret(client);
  // The API server takes seconds for its first custom object.
  await client.create(SPIN_APP_EXECUTORS, executor("first"));
  const calls = keepAdmitting(client);
  try {
    now = new Date();
    await waitUntil(async () => {
      const { "tls.crt": cert, "ca.crt": authorities } = await readSecret(client);
      const newest = splitCertificates(authorities!).at(-1)!;
      return cert !== before["tls.crt"] && isIssuedBy(cert!, newest);
    }, { what: "the new certificate", explain: () => record.lines.join("\n") });
    await waitUntil(
      () => record.lines.some((line) => line.includes("Using another certificate")),
      { what: "the new certificate to be used" },
    );
    assert.equal(await webhooks.ready(), true);
    await new Promise((resolve) => setTimeout(resolve, 200));
  } finally {
    const count = await calls.stop();
    await webhooks.stop();
    assert.deepEqual(calls.failures, []);
    assert.ok(count > 50, `${count} calls`);
  }
  const { "ca.crt": authorities } = await readSecret(client);
  assert.equal(splitCertificates(authorities!).length, 2);
  assert.equal(splitCertificates(authorities!)[0], old.authorities);
}

async function testFiles({ client, operator }: Parts): Promise<void> {
  const directory = await Deno.makeTempDir();
  const pairs = await Promise.all([1, 2].map(() => makeSelfSignedCertificate(["127.0.0.1"])));
  async function write(index: number): Promise<void> {
    await Deno.writeTextFile(`${directory}/tls.crt`, pairs[index]!.cert);
    await Deno.writeTextFile(`${directory}/tls.key`, pairs[index]!.key);
  }
  async function trust(index: number): Promise<void> {
    for (
      const [type, name] of [
        [MUTATING_WEBHOOK_CONFIGURATIONS, CONFIGURATIONS.mutating],
        [VALIDATING_WEBHOOK_CONFIGURATIONS, CONFIGURATIONS.validating],
      ] as const
    ) {
      const { webhooks = [] } = await client.get(type, { name });
      await client.mergePatch(type, { name }, {
        patch: {
          webhooks: webhooks.map((webhook) => ({
            ...webhook,
            clientConfig: { ...webhook.clientConfig, caBundle: btoa(pairs[index]!.cert) },
          })),
        },
      });
    }
  }
  await write(0);
  const record = recordLog();
  const webhooks = await startTestWebhooks(operator, {
    log: record.log,
    timing: TIMING,
    certificateDir: directory,
  });
  try {
    await configureWebhooks(client, webhooks.port);
    await trust(0);
    await untilReady(webhooks, record);
    assert.equal(await client.find(SECRETS, SECRET), undefined);
    await write(1);
    await waitUntil(async () => !await webhooks.ready(), { what: "the new certificate" });
    assert.match(record.lines.at(-1)!, /a call of 127\.0\.0\.1 fails: .*certificate/);
    await trust(1);
    await untilReady(webhooks, record);
    await client.create(SPIN_APP_EXECUTORS, executor("fine"));
  } finally {
    await webhooks.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

async function testForeignSecret({ client, operator }: Parts): Promise<void> {
  const secret: Secret = { metadata: SECRET, type: "Opaque", data: { password: btoa("x") } };
  await client.create(SECRETS, secret);
  await assert.rejects(startTestWebhooks(operator), (error) =>
    error instanceof TerminalError &&
    /^Secret "default\/webhook-certificate" is not the operator's own/.test(error.message));
  assert.deepEqual((await client.get(SECRETS, SECRET)).data, secret.data);
  await assert.rejects(
    startTestWebhooks(operator, { own: undefined }),
    (error) =>
      error instanceof TerminalError && /^Webhooks need a certificate: /.test(error.message),
  );
}
