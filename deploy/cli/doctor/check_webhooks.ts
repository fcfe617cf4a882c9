/**
 * Whether what apps are checked by when they are written can be reached and trusted.
 *
 * @module
 */

import { readCertificate, splitCertificates } from "../../../lib/certificates.ts";
import { type ClusterFacts, isOwnOperator, itemsOf } from "./cluster_facts.ts";
import type { WebhookConfiguration } from "./cluster_objects.ts";
import type { Finding } from "./finding.ts";

const CHECK = "webhooks";

/** cert-manager writes the CA into configurations with one of these. */
const INJECTION = /^cert-manager\.io\/inject-/;

type Webhook = NonNullable<WebhookConfiguration["webhooks"]>[number];

/** @param options.now Certificates have to be valid then. */
export function checkWebhooks(facts: ClusterFacts, { now }: { now: Date }): Finding[] {
  const { webhooks, operators } = facts;
  if (webhooks.kind !== "seen") {
    return [{
      check: CHECK,
      state: "unknown",
      message: "Configurations of webhooks may not be listed",
    }];
  }
  if (webhooks.items.length === 0) {
    return [{
      check: CHECK,
      state: "warning",
      message:
        "None is configured: defaults are not filled in, and some mistakes in SpinApps are " +
        "only found when the operator works on them",
      fix:
        "Install the operator with its webhooks (--enable-webhooks, and the objects of the chart)",
    }];
  }
  const hasOwn = itemsOf(operators).some(({ deployment }) => isOwnOperator(deployment));
  const problems = webhooks.items.flatMap((configuration) => [
    ...checkConfiguration(configuration, { ...facts, now }),
    ...hasOwn ? checkInjection(configuration) : [],
  ]);
  if (problems.length > 0) return problems;
  const names = webhooks.items.map(({ metadata }) => `"${metadata.name}"`).join(" and ");
  return [{
    check: CHECK,
    state: "ok",
    message: `${names}: the CA is set, and a pod of the operator answers`,
  }];
}

/** Several webhooks of a configuration mostly have the same problem. */
function checkConfiguration(
  { kind, metadata, webhooks = [] }: WebhookConfiguration,
  { endpoints, now }: Pick<ClusterFacts, "endpoints"> & { now: Date },
): Finding[] {
  const byProblem = new Map<string, { names: string[]; fix: string }>();
  for (const webhook of webhooks) {
    for (
      const { problem, fix } of [...checkBundle(webhook, now), ...checkService(webhook, endpoints)]
    ) {
      const known = byProblem.get(problem) ?? { names: [], fix };
      known.names.push(webhook.name);
      byProblem.set(problem, known);
    }
  }
  return [...byProblem].map(([problem, { names, fix }]): Finding => ({
    check: CHECK,
    state: "problem",
    message: `${kind} "${metadata.name}" (${names.join(", ")}): ${problem}`,
    fix,
  }));
}

interface WebhookProblem {
  readonly problem: string;
  readonly fix: string;
}

const RESTART = "Restart the operator, which writes it: kubectl rollout restart deployment -n " +
  "spin-operator -l app.kubernetes.io/name=spin-operator";

function checkBundle({ clientConfig: { caBundle = "" } }: Webhook, now: Date): WebhookProblem[] {
  const pem = decode(caBundle);
  const certificates = splitCertificates(pem);
  if (certificates.length === 0) {
    return [{
      problem: caBundle === ""
        ? "caBundle is empty, so that the API server does not trust it"
        : "caBundle has no certificate in it",
      fix: RESTART,
    }];
  }
  const ends = certificates.map((certificate) => readCertificate(certificate).notAfter);
  const last = new Date(Math.max(...ends.map((end) => end.getTime())));
  return last > now ? [] : [{
    problem: `the CA in caBundle has expired on ${last.toISOString()}`,
    fix: RESTART,
  }];
}

function decode(base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(base64));
  } catch (error) {
    if (error instanceof SyntaxError) return "";
    throw error;
  }
}

function checkService(
  { clientConfig: { service }, failurePolicy = "Fail" }: Webhook,
  endpoints: ClusterFacts["endpoints"],
): WebhookProblem[] {
  if (!service) return [];
  const key = `${service.namespace}/${service.name}`;
  if (endpoints.get(key) !== 0) return [];
  const effect = failurePolicy === "Fail"
    ? "nothing of SpinKube can be written"
    : "what is written is not checked";
  return [{
    problem: `the Service "${key}" leads to no pod that is ready, so that ${effect}`,
    fix: "Bring the operator up, or delete the configuration if it is left over from another one",
  }];
}

function checkInjection(
  { kind, metadata: { name, annotations = {} } }: WebhookConfiguration,
): Finding[] {
  const found = Object.keys(annotations).filter((key) => INJECTION.test(key));
  if (found.length === 0) return [];
  return [{
    check: CHECK,
    state: "problem",
    message: `${kind} "${name}" has the annotation ${found.join(", ")}: ` +
      "cert-manager writes its own CA over that of the operator",
    fix: `kubectl annotate ${kind.toLowerCase()} ${name} ${
      found.map((key) => `${key}-`).join(" ")
    }`,
  }];
}
