/**
 * The definition of `Shim`.
 *
 * @module
 */

import {
  type FetchStrategy,
  type KeyReference,
  type PlatformArtifact,
  type RolloutStrategy,
  SHIMS,
  type ShimSpec,
  type ShimStatus,
} from "../shim.ts";
import { type CustomResourceDefinition, defineResource, type PrinterColumn } from "./definition.ts";
import { flag, int64, list, object, type Schema, text, textMap } from "./openapi.ts";

const KEY: Readonly<Record<keyof KeyReference, Schema>> = {
  key: text("The key in it."),
  name: text("Name of the object."),
};

const PLATFORM: Readonly<Record<keyof PlatformArtifact, Schema>> = {
  arch: text("Architecture of the nodes, as Go or as uname calls it.", {
    enum: ["amd64", "arm64", "x86_64", "aarch64"],
  }),
  location: text("Where the archive is: https://…, http://… or oci://…."),
  os: text("Operating system of the nodes.", { enum: ["linux"] }),
  sha256: text("SHA-256 of the archive, in hex; what is fetched has to have it."),
};

const FETCH: Readonly<Record<keyof FetchStrategy, Schema>> = {
  anonHttp: object("One archive for all nodes.", {
    location: text("Where the archive is: https://…, http://… or oci://…."),
    sha256: text("SHA-256 of the archive, in hex; what is fetched has to have it."),
  }, { required: ["location"] }),
  authorizationSecret: object(
    "The key of a Secret in the namespace of the install Jobs, with what is sent as Authorization.",
    KEY,
    { required: ["name", "key"] },
  ),
  caConfigMap: object(
    "The key of a ConfigMap in the namespace of the install Jobs, with certificates to trust beside " +
      "the usual ones, in PEM form.",
    KEY,
    { required: ["name", "key"] },
  ),
  platforms: list(
    "Archives by platform. They win over anonHttp; a node that none is for gets nothing.",
    object("The archive for one platform.", PLATFORM, { required: ["os", "arch", "location"] }),
  ),
  pullSecret: text(
    "Secret of type kubernetes.io/dockerconfigjson in the namespace of the install Jobs, for oci://….",
  ),
  type: text("Ignored; older manifests have it."),
};

const MAX_UPDATE: Schema = numberOrPercent(
  "Nodes that are worked on at once: a number, 0 counting as 1, or a percentage such as 10%.",
);

const ROLLOUT: Readonly<Record<keyof RolloutStrategy, Schema>> = {
  onFailure: text(
    "What happens when more nodes have failed than may: no further node is begun (pause, the " +
      "default), or all nodes get what they had before (rollback).",
    { enum: ["pause", "rollback"] },
  ),
  paused: flag("No node is begun while this is true."),
  rolling: object("Of type rolling.", {
    maxFailed: numberOrPercent(
      "Nodes that may have failed before no further node is begun; 0 if absent.",
    ),
    maxUpdate: MAX_UPDATE,
  }, { required: ["maxUpdate"] }),
  type: text(
    "rolling: a few nodes at once, the first one alone. recreate: as many as possible, but never " +
      "more than half of them.",
    { enum: ["rolling", "recreate"] },
  ),
};

const SPEC: Readonly<Record<keyof ShimSpec, Schema>> = {
  containerdRuntimeOptions: textMap(
    "Options of the runtime in containerd's configuration. Values are TOML: true, 1, or a text in " +
      "its own quotes.",
  ),
  fetchStrategy: object(
    "Where the shim comes from. Empty: from the image of the installer, without a download.",
    FETCH,
  ),
  nodeSelector: textMap("Labels of the nodes that are to have the shim. Absent or empty: all."),
  rolloutStrategy: object("How nodes get it, and updates of it.", ROLLOUT, { required: ["type"] }),
  runtimeClass: object("The RuntimeClass that is made for it.", {
    handler: text("The name of the runtime in containerd's configuration."),
    name: text("Name of the RuntimeClass."),
  }, { required: ["name", "handler"] }),
};

const CONDITION: Schema = object("A condition.", {
  lastTransitionTime: text("When the status changed last.", { format: "date-time" }),
  message: text("For people.", { maxLength: 32768 }),
  observedGeneration: int64("The generation of the spec it is about.", { minimum: 0 }),
  reason: text("For programs.", {
    maxLength: 1024,
    minLength: 1,
    pattern: "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
  }),
  status: text("Whether it holds.", { enum: ["True", "False", "Unknown"] }),
  type: text("What holds or not.", {
    maxLength: 316,
    pattern:
      "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
  }),
}, { required: ["lastTransitionTime", "message", "reason", "status", "type"] });

const STATUS: Readonly<Record<keyof ShimStatus, Schema>> = {
  conditions: list("Available, Progressing, Degraded and SourcePinned.", CONDITION),
  failures: list(
    "Some of the nodes that failed.",
    object("Why a node does not have the shim.", {
      message: text("For people."),
      node: text("Name of the node."),
      reason: text("For programs."),
      time: text("When it failed.", { format: "date-time" }),
    }, { required: ["node", "reason", "message", "time"] }),
  ),
  lastGood: object("What all nodes had last; they get it again by a rollback.", {
    hash: text("Digest of it."),
    spec: {
      description: "The part of the spec that decides what is on a node.",
      type: "object",
      "x-kubernetes-preserve-unknown-fields": true,
    },
  }, { required: ["hash", "spec"] }),
  nodes: int64("Nodes that are to have the shim."),
  nodesFailed: int64("Nodes on which the last try failed."),
  nodesLeaving: int64("Nodes from which the shim is still to be taken."),
  nodesReady: int64("Nodes that have the shim, be it an older one."),
  nodesUnsupported: int64("Nodes that are selected, and cannot have it."),
  nodesUpdated: int64("Nodes that have the shim as the spec says."),
  observedGeneration: int64("The generation of the spec that this status is about."),
  rolledBack: object("The spec was given up, and nodes get what they had before.", {
    hash: text("Digest of what was given up."),
    message: text("Why."),
    time: text("When.", { format: "date-time" }),
  }, { required: ["hash", "message", "time"] }),
};

const COLUMNS: readonly PrinterColumn[] = [
  column("RuntimeClass", ".spec.runtimeClass.name", "string"),
  column("Ready", ".status.nodesReady", "integer"),
  column("Nodes", ".status.nodes", "integer"),
  { ...column("Updated", ".status.nodesUpdated", "integer"), priority: 1 },
  { ...column("Failed", ".status.nodesFailed", "integer"), priority: 1 },
  {
    ...column("Degraded", '.status.conditions[?(@.type=="Degraded")].reason', "string"),
    priority: 1,
  },
];

/** The definition of `Shim`. The columns are those of runtime-class-manager; others need `-o wide`. */
export function defineShim(): CustomResourceDefinition {
  return defineResource(SHIMS, {
    description: "A containerd shim that nodes are to have, and the RuntimeClass for it.",
    // As the original: it may be absent.
    spec: object("Which shim, on which nodes, and how fast.", SPEC, {
      required: ["fetchStrategy", "rolloutStrategy", "runtimeClass"],
    }),
    status: object("What has become of it.", STATUS, { required: ["nodes", "nodesReady"] }),
    shortNames: [],
    categories: ["spinkube"],
    columns: COLUMNS,
  });
}

function column(
  name: string,
  jsonPath: string,
  type: PrinterColumn["type"],
): PrinterColumn {
  const descriptions: Readonly<Record<string, string>> = {
    RuntimeClass: "The RuntimeClass that is made for it",
    Ready: "Nodes that have it",
    Nodes: "Nodes that are to have it",
    Updated: "Nodes that have it as the spec says",
    Failed: "Nodes on which the last try failed",
    Degraded: "What is wrong",
  };
  return { name, type, description: descriptions[name]!, jsonPath };
}

/** A number of nodes, or a percentage of them. The original has any number; 64 bits. */
function numberOrPercent(description: string): Schema {
  return {
    description,
    anyOf: [{ type: "integer" }, { type: "string" }],
    pattern: "^[0-9]+%?$",
    "x-kubernetes-int-or-string": true,
  };
}
