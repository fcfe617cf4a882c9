import assert from "node:assert/strict";
import { isApplied } from "./apply.ts";
import type { KubeObject } from "./types.ts";

const OWNED = {
  "f:metadata": { "f:labels": { "f:app": {} } },
  "f:spec": {
    "f:replicas": {},
    "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {}, "f:targetPort": {} } },
    "f:finalizers": { 'v:"a"': {} },
  },
};

type Live = KubeObject & { spec: Record<string, unknown> };

function live(spec: Record<string, unknown>): Live {
  return {
    metadata: {
      name: "a",
      resourceVersion: "5",
      labels: { app: "x", other: "y" },
      managedFields: [
        { manager: "other", operation: "Update", fieldsV1: { "f:spec": { "f:paused": {} } } },
        { manager: "me", operation: "Apply", fieldsV1: OWNED },
      ],
    },
    spec,
  };
}

const SPEC = { replicas: 2, ports: [{ port: 80, targetPort: "http" }], finalizers: ["a"] };
const LIVE_SPEC = {
  ...SPEC,
  ports: [{ port: 80, protocol: "TCP", targetPort: "http" }],
  strategy: { type: "RollingUpdate" },
};

Deno.test("isApplied() ignores what the server adds, and sees every difference", () => {
  const metadata = { name: "a", labels: { app: "x" } };
  const cases: [string, Live, boolean][] = [
    ["the same", { metadata, spec: SPEC }, true],
    ["another value", { metadata, spec: { ...SPEC, replicas: 3 } }, false],
    ["one field more", { metadata, spec: { ...SPEC, paused: true } }, false],
    ["one field less", { metadata, spec: { ports: SPEC.ports, finalizers: ["a"] } }, false],
    ["one label less", { metadata: { name: "a" }, spec: SPEC }, false],
    ["an item of a keyed list less", { metadata, spec: { ...SPEC, ports: [] } }, false],
    ["an item of a set less", { metadata, spec: { ...SPEC, finalizers: [] } }, false],
    [
      "a field of an item less",
      { metadata, spec: { ...SPEC, ports: [{ port: 80 }] } },
      false,
    ],
  ];
  for (const [name, wanted, expected] of cases) {
    assert.equal(isApplied(wanted, { live: live(LIVE_SPEC), manager: "me" }), expected, name);
  }
});

Deno.test("isApplied() wants the manager to have applied the object before", () => {
  const wanted: Live = { metadata: { name: "a" }, spec: {} };
  assert.equal(isApplied(wanted, { live: live(LIVE_SPEC), manager: "somebody" }), false);
});
