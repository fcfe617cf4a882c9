/**
 * Schemas of where pods run.
 *
 * @module
 */

import { labelSelector } from "./common.ts";
import {
  atomicList,
  atomicObject,
  int32,
  int64,
  list,
  object,
  type Schema,
  text,
  words,
} from "./openapi.ts";

/** Taints that the pods tolerate. */
export function tolerations(): Schema {
  return list(
    "Added by this operator: taints of nodes that the pods tolerate.",
    object("Taints that are tolerated.", {
      effect: text(
        "Effect of the taint: NoSchedule, PreferNoSchedule or NoExecute; any if absent.",
      ),
      key: text("Key of the taint; any if absent, which needs the operator Exists."),
      operator: text("Exists, or Equal if absent."),
      tolerationSeconds: int64("Seconds that NoExecute is tolerated; for ever if absent."),
      value: text("Value of the taint, for Equal."),
    }),
  );
}

/** How pods are spread over the cluster. */
export function topologySpreadConstraints(): Schema {
  return list(
    "Added by this operator: how the pods are spread over nodes and zones.",
    object("How pods are spread over one kind of place.", {
      labelSelector: labelSelector("The pods that are counted."),
      matchLabelKeys: words(
        "Labels of which the pods counted have the same values as the new one.",
      ),
      maxSkew: int32("The most that the numbers of pods may differ between places."),
      minDomains: int32("Places there have to be, or their smallest number counts as 0."),
      nodeAffinityPolicy: text("Whether nodes the pod may not run on count: Honor or Ignore."),
      nodeTaintsPolicy: text("Whether nodes with taints count: Honor or Ignore."),
      topologyKey: text("Label of nodes whose values are the places."),
      whenUnsatisfiable: text("What happens otherwise: DoNotSchedule or ScheduleAnyway."),
    }, { required: ["maxSkew", "topologyKey", "whenUnsatisfiable"] }),
  );
}

/** What pods are drawn to and kept from. */
export function affinity(): Schema {
  return object("Added by this operator: what the pods are drawn to and kept from.", {
    nodeAffinity: nodeAffinity(),
    podAffinity: podAffinity("Places with pods that these are drawn to."),
    podAntiAffinity: podAffinity("Places with pods that these are kept from."),
  });
}

function nodeAffinity(): Schema {
  return object("Nodes that the pods are drawn to.", {
    preferredDuringSchedulingIgnoredDuringExecution: atomicList(
      "Nodes that are preferred; the sum of the weights counts.",
      object("Nodes that are preferred.", {
        preference: nodeSelectorTerm("The nodes."),
        weight: int32("From 1 to 100."),
      }, { required: ["preference", "weight"] }),
    ),
    requiredDuringSchedulingIgnoredDuringExecution: atomicObject("Nodes that are possible.", {
      nodeSelectorTerms: atomicList(
        "Kinds of nodes, of which one is enough.",
        nodeSelectorTerm("A kind of nodes."),
      ),
    }, { required: ["nodeSelectorTerms"] }),
  });
}

function nodeSelectorTerm(description: string): Schema {
  const conditions = (what: string): Schema =>
    atomicList(
      `Conditions on ${what} that all have to hold.`,
      object("A condition.", {
        key: text("The label or field."),
        operator: text("In, NotIn, Exists, DoesNotExist, Gt or Lt."),
        values: words("Values to compare with; one for Gt and Lt, none for the Exists ones."),
      }, { required: ["key", "operator"] }),
    );
  return atomicObject(description, {
    matchExpressions: conditions("labels"),
    matchFields: conditions("fields"),
  });
}

function podAffinity(description: string): Schema {
  return object(description, {
    preferredDuringSchedulingIgnoredDuringExecution: atomicList(
      "Places that are preferred; the sum of the weights counts.",
      object("Places that are preferred.", {
        podAffinityTerm: podAffinityTerm(),
        weight: int32("From 1 to 100."),
      }, { required: ["podAffinityTerm", "weight"] }),
    ),
    requiredDuringSchedulingIgnoredDuringExecution: atomicList(
      "Conditions that all have to hold.",
      podAffinityTerm(),
    ),
  });
}

function podAffinityTerm(): Schema {
  return object("Pods, and what counts as being in the same place.", {
    labelSelector: labelSelector("The pods."),
    matchLabelKeys: words("Labels of which they have the same values as the new one."),
    mismatchLabelKeys: words("Labels of which they have other values than the new one."),
    namespaceSelector: labelSelector("Their namespaces, by labels."),
    namespaces: words("Their namespaces, by names; the pod's own if neither is given."),
    topologyKey: text("Label of nodes whose values are the places."),
  }, { required: ["topologyKey"] });
}
