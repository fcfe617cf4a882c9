import assert from "node:assert/strict";
import { makeSelfSignedCertificate } from "../../../lib/certificates.ts";
import type { SpinApp } from "../../../crds/spin_app.ts";
import type { SpinAppExecutor } from "../../../crds/spin_app_executor.ts";
import type { Deployment } from "../../../lib/kube/workload_types.ts";
import type { ClusterFacts, Look } from "./cluster_facts.ts";
import type { AccessReview, Definition, Node, WebhookConfiguration } from "./cluster_objects.ts";
import { diagnose } from "./doctor_main.ts";
import { type Finding, formatFindings, formatFindingsJson } from "./finding.ts";

const NOW = new Date();
const { cert } = await makeSelfSignedCertificate(["spin"], { days: 30, now: NOW });
const CA_BUNDLE = new TextEncoder().encode(cert).toBase64();

function seen<T>(...items: T[]): Look<T> {
  return { kind: "seen", items };
}

function definition(plural: string, fields: object = { imagePullPolicy: {} }): Definition {
  return {
    metadata: { name: `${plural}.core.spinkube.dev` },
    spec: {
      group: "core.spinkube.dev",
      names: { plural, kind: plural },
      versions: [{
        name: "v1alpha1",
        served: true,
        schema: { openAPIV3Schema: { properties: { spec: { properties: fields } } } },
      }],
    },
    status: {
      conditions: [{
        type: "Established",
        status: "True",
        reason: "InitialNamesAccepted",
        message: "",
        lastTransitionTime: "",
      }],
    },
  };
}

function operator(name = "spin-operator", env: { name: string }[] = [{ name: "SHIM_X" }]) {
  return {
    metadata: { name, namespace: "spin", labels: { "app.kubernetes.io/name": name } },
    spec: {
      selector: {},
      template: { spec: { containers: [{ name: "manager", image: "op:v1", env }] } },
    },
  } as Deployment;
}

function webhook(
  config: Partial<NonNullable<WebhookConfiguration["webhooks"]>[number]["clientConfig"]> = {},
  annotations: Record<string, string> = {},
): WebhookConfiguration {
  return {
    kind: "MutatingWebhookConfiguration",
    metadata: { name: "spin-mutating", annotations },
    webhooks: [{
      name: "mspinapp.kb.io",
      rules: [{ apiGroups: ["core.spinkube.dev"] }],
      clientConfig: {
        caBundle: CA_BUNDLE,
        service: { namespace: "spin", name: "hooks" },
        ...config,
      },
    }],
  };
}

function executor(spec: Partial<SpinAppExecutor["spec"]> = {}, name = "shim-spin") {
  return {
    metadata: { name, namespace: "shop" },
    spec: { createDeployment: true, deploymentConfig: { runtimeClassName: "spin" }, ...spec },
  } as SpinAppExecutor;
}

function node(name: string, extra: Partial<Node> & { handlers?: string[]; ready?: string } = {}) {
  const { handlers = ["", "spin"], ready = "True", ...rest } = extra;
  return {
    metadata: { name, labels: { spin: "yes" } },
    status: {
      conditions: [{ type: "Ready", status: ready }],
      runtimeHandlers: handlers.map((each) => ({ name: each })),
    },
    ...rest,
  } as Node;
}

function app(name: string, ready: "True" | "False", executorName = "shim-spin"): SpinApp {
  return {
    metadata: { name, namespace: "shop" },
    spec: { image: "x", executor: executorName, replicas: 1 },
    status: {
      readyReplicas: 0,
      conditions: [{
        type: "Ready",
        status: ready,
        reason: "ImagePullFailed",
        message: "no such image",
        lastTransitionTime: "",
      }],
    },
  };
}

const CLASS = {
  metadata: { name: "spin" },
  handler: "spin",
  scheduling: { nodeSelector: { spin: "yes" } },
};

const ALLOWED: AccessReview[] = ([
  ...["get", "create", "patch", "list", "delete"]
    .map((verb) => [verb, "core.spinkube.dev", "spinapps"] as const),
  ["create", "", "secrets"],
  ["patch", "", "secrets"],
  ["get", "apps", "deployments"],
  ["list", "", "pods"],
  ["list", "", "events"],
  ["get", "", "pods", "log"],
  ["create", "", "pods", "portforward"],
] as const).map(([verb, group, resource, subresource]) => ({
  spec: {
    resourceAttributes: { verb, group, resource, ...(subresource ? { subresource } : {}) },
  },
  status: { allowed: true },
}));

/** A cluster without any problem. */
const GOOD: ClusterFacts = {
  namespace: "shop",
  definitions: seen(definition("spinapps"), definition("spinappexecutors", {})),
  operators: seen({ deployment: operator(), reasons: [] }),
  webhooks: seen(webhook()),
  endpoints: new Map([["spin/hooks", 1]]),
  executors: seen(executor()),
  clusterExecutors: seen(),
  runtimeClasses: seen(CLASS),
  nodes: seen(node("a"), node("b", { metadata: { name: "b" } })),
  shims: seen(),
  apps: seen(app("cart", "True")),
  reasons: new Map(),
  access: ALLOWED,
  certificates: { kind: "absent" },
};

function bad(facts: Partial<ClusterFacts>, state?: Finding["state"]): string[] {
  return diagnose({ ...GOOD, ...facts }, { now: NOW })
    .filter((finding) => state === undefined ? finding.state !== "ok" : finding.state === state)
    .map(({ check, state, message, fix }) => `${check} ${state}: ${message} -> ${fix}`);
}

Deno.test("diagnose() has nothing against a cluster in order", () => {
  assert.deepEqual(bad({}), []);
  const checks = diagnose(GOOD, { now: NOW }).map(({ check }) => check);
  assert.deepEqual([...new Set(checks)], [
    "definitions",
    "operator",
    "webhooks",
    "executors",
    "nodes",
    "apps",
    "permissions",
  ]);
});

const SHIM_STATUS = { nodes: 3, nodesReady: 1, observedGeneration: 1 };

const CASES: readonly (readonly [
  what: string,
  facts: Partial<ClusterFacts>,
  found: readonly RegExp[],
])[] = [
  ["definitions that are missing", { definitions: seen() }, [
    /^definitions problem: The CustomResourceDefinition spinapps\.core.* is not there -> Install/,
    /^definitions problem: .* spinappexecutors\.core\.spinkube\.dev is not there/,
  ]],
  ["definitions of the original", {
    definitions: seen(definition("spinapps", {}), definition("spinappexecutors", {})),
  }, [/^definitions warning: spinapps.* is the original's: .* is dropped .* -> kubectl apply/]],
  ["no operator", { operators: seen() }, [/^operator problem: There is none: .* -> Install/]],
  ["an operator that does not run", {
    operators: seen({ deployment: operator(), reasons: ["pod x: ImagePullBackOff"] }),
  }, [/^operator problem: Deployment "spin-operator" in namespace "spin" is not ready: pod x: Im/]],
  ["two operators", {
    operators: seen({ deployment: operator(), reasons: [] }, {
      deployment: operator(),
      reasons: [],
    }),
  }, [/^operator problem: There are 2, which undo each other's work/]],
  ["another operator of shims", {
    operators: seen({ deployment: operator(), reasons: [] }, {
      deployment: operator("runtime-class-manager", []),
      reasons: [],
    }),
  }, [/^shims warning: Deployment "runtime-class-manager" .* puts shims on nodes too/]],
  ["no webhooks", { webhooks: seen() }, [/^webhooks warning: None is configured/]],
  ["a webhook without CA", { webhooks: seen(webhook({ caBundle: "" })) }, [
    /^webhooks problem: MutatingWebhookConfiguration "spin-mutating" \(mspinapp\.kb\.io\): caBundle is empty.* -> Restart/,
  ]],
  ["a webhook with something else as CA", { webhooks: seen(webhook({ caBundle: "Zm9v" })) }, [
    /: caBundle has no certificate in it/,
  ]],
  ["a webhook that nobody answers", { endpoints: new Map([["spin/hooks", 0]]) }, [
    /^webhooks problem: .*: the Service "spin\/hooks" leads to no pod that is ready, so that nothing/,
  ]],
  ["a webhook into which cert-manager writes", {
    webhooks: seen(webhook({}, { "cert-manager.io/inject-ca-from": "spin/x" })),
  }, [
    /cert-manager writes its own CA .* -> kubectl annotate mutatingwebhookconfiguration spin-mu/,
  ]],
  ["no executors", { executors: seen(), apps: seen() }, [
    /^executors problem: Namespace "shop" has no SpinAppExecutor, and the cluster no Cluster/,
  ]],
  ["an executor without a way to run apps", {
    executors: seen(executor({ deploymentConfig: {} })),
  }, [/^executors problem: "shim-spin" in namespace "shop" has neither spec\.deploymentConfig/]],
  ["a RuntimeClass that is missing", { runtimeClasses: seen() }, [
    /^executors problem: .* names the RuntimeClass "spin", which is not there; there is none/,
  ]],
  ["no nodes of the class", { nodes: seen(node("b", { metadata: { name: "b" } })) }, [
    /^nodes problem: No node has the labels spin=yes that RuntimeClass "spin" asks for/,
  ]],
  ["nodes that are not ready", { nodes: seen(node("a", { ready: "Unknown" })) }, [
    /^nodes problem: No node for RuntimeClass "spin" is ready and takes pods: a ->/,
  ]],
  ["nodes without the handler", { nodes: seen(node("a"), node("c", { handlers: ["", "runc"] })) }, [
    /^nodes problem: 1 of 2 nodes for RuntimeClass "spin" do not have its handler "spin".*: c ->/,
  ]],
  ["a Shim that failed", {
    shims: seen({
      metadata: { name: "spin-v2" },
      status: {
        ...SHIM_STATUS,
        nodesFailed: 1,
        failures: [{ node: "a", reason: "X", message: "disk full", time: "" }],
      },
    }),
  }, [/^shims problem: Shim "spin-v2": 1 of 3 nodes have it, 1 have failed\na: disk full -> /]],
  ["a Shim on its way", {
    shims: seen({ metadata: { name: "spin-v2" }, status: SHIM_STATUS }),
  }, [/^shims warning: Shim "spin-v2": 1 of 3 nodes have it -> Wait/]],
  ["an app that is not ready", { apps: seen(app("cart", "False"), app("shop", "True")) }, [
    /^apps problem: SpinApp "cart" is not ready: ImagePullFailed: no such image -> See kubectl/,
  ]],
  ["an app of which the pods tell more", {
    apps: seen(app("cart", "False")),
    reasons: new Map([["cart", ["pod cart-1 has no node: taint"]]]),
  }, [/^apps problem: SpinApp "cart" is not ready: pod cart-1 has no node: taint/]],
  ["an app with an executor that is not there", { apps: seen(app("cart", "False", "other")) }, [
    /^apps problem: SpinApp "cart" has the executor "other", which is not there; .*: "shim-spin"/,
  ]],
  ["a user who may not deploy", {
    access: ALLOWED.filter(({ spec: { resourceAttributes: { verb } } }) => verb !== "patch"),
  }, [
    /^permissions problem: You may not patch spinapps\.core.* in namespace "shop", which "deploy"/,
    /^permissions warning: You may not patch secrets .*"deploy --runtime-config-file" needs/,
  ]],
  ["certificates of cert-manager", {
    certificates: seen({ metadata: { name: "serving-cert", namespace: "spin" } }),
  }, [/^leftovers warning: cert-manager's Certificate "spin\/serving-cert" is not needed/]],
  ["marks of KWasm", {
    nodes: seen(node("a", {
      metadata: { name: "a", labels: { spin: "yes", "kwasm.sh/kwasm-provisioned": "a" } },
    })),
  }, [/^leftovers warning: 1 nodes have marks of KWasm, .*: a -> kubectl annotate nodes/]],
];

for (const [what, facts, found] of CASES) {
  Deno.test(`diagnose() finds ${what}`, () => {
    const messages = bad(facts);
    assert.equal(messages.length, found.length, messages.join("\n"));
    for (const [index, pattern] of found.entries()) assert.match(messages[index]!, pattern);
  });
}

Deno.test("diagnose() does not count pods of apps that something else runs", () => {
  const { status: _none, ...waiting } = app("cart", "False");
  const executors = seen(executor({ createDeployment: false }));
  assert.deepEqual(bad({ executors, apps: seen(waiting) }), []);
  assert.equal(bad({ apps: seen(waiting) }).length, 1);
});

Deno.test("diagnose() finds a CA that has expired", () => {
  const later = new Date(NOW.getTime() + 31 * 24 * 3_600_000);
  const found = diagnose(GOOD, { now: later }).filter(({ state }) => state === "problem");
  assert.match(found[0]!.message, /the CA in caBundle has expired on 2/);
  assert.equal(found.length, 1);
});

Deno.test("diagnose() says what it may not look at, which is no problem", () => {
  const refused = { kind: "refused", why: "forbidden" } as const;
  const found = diagnose({
    ...GOOD,
    definitions: refused,
    operators: refused,
    webhooks: refused,
    executors: refused,
    apps: refused,
  }, { now: NOW });
  assert.deepEqual(
    found.map(({ check, state }) => `${check} ${state}`),
    [
      "definitions unknown",
      "operator unknown",
      "webhooks unknown",
      "executors unknown",
      "apps unknown",
      "permissions ok",
    ],
  );
});

Deno.test("formatFindings() shows states, ways out and the sum", () => {
  const findings: Finding[] = [
    { check: "nodes", state: "ok", message: "2 nodes" },
    { check: "operator", state: "problem", message: "is gone\nfor good", fix: "Install it" },
    { check: "shims", state: "unknown", message: "may not be seen" },
  ];
  assert.equal(
    formatFindings(findings),
    [
      "ok       nodes     2 nodes",
      "problem  operator  is gone",
      "                   for good",
      "                   Fix: Install it",
      "unknown  shims     may not be seen",
      "",
      '1 problem. What is "unknown" could not be looked at.',
    ].join("\n"),
  );
  assert.deepEqual(JSON.parse(formatFindingsJson(findings)), { problems: 1, findings });
});
