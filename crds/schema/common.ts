/**
 * Schemas that several parts of Kubernetes' own types use.
 *
 * @module
 */

import {
  atomicList,
  atomicObject,
  flag,
  object,
  type Schema,
  text,
  textMap,
  words,
} from "./openapi.ts";

/** How Kubernetes writes amounts: `500m`, `1.5`, `128Mi`, `1e3`. */
const QUANTITY = "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))" +
  "(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$";

/** An amount; as in Kubernetes' own types, a number may be written without quotes. */
export function quantity(description?: string): Schema {
  return {
    ...(description === undefined ? {} : { description }),
    anyOf: [{ type: "integer" }, { type: "string" }],
    pattern: QUANTITY,
    "x-kubernetes-int-or-string": true,
  };
}

/** Amounts by the names of resources. */
export function quantityMap(description: string): Schema {
  return { description, type: "object", additionalProperties: quantity() };
}

/** Name of another object in the same namespace. */
export function objectName(description: string): Schema {
  return text(description, { default: "" });
}

/** A reference that consists of a name. */
export function localReference(description: string): Schema {
  return atomicObject(description, { name: objectName("Name of the object.") });
}

/** A key of a ConfigMap or Secret. */
export function keyReference(kind: "ConfigMap" | "Secret"): Schema {
  return atomicObject(`A key of a ${kind} in the app's namespace.`, {
    key: text(`The key in the ${kind}.`),
    name: objectName(`Name of the ${kind}.`),
    optional: flag(`Whether the ${kind} or its key may be missing.`),
  }, { required: ["key"] });
}

/** A field of the pod. */
export function fieldReference(description: string): Schema {
  return atomicObject(description, {
    apiVersion: text('Version of the schema that the path is written for; "v1" if absent.'),
    fieldPath: text('Path of the field, such as "metadata.name" or "status.hostIP".'),
  }, { required: ["fieldPath"] });
}

/** A limit or request of a container. */
export function resourceReference(description: string): Schema {
  return atomicObject(description, {
    containerName: text("The container; needed in volumes, optional in variables."),
    divisor: quantity('Unit that the value is given in; "1" if absent.'),
    resource: text('The resource, such as "limits.memory".'),
  }, { required: ["resource"] });
}

/** A condition on labels. */
export function labelSelector(description: string): Schema {
  return atomicObject(description, {
    matchExpressions: atomicList(
      "Conditions that all have to hold.",
      object("A condition on one label.", {
        key: text("The label."),
        operator: text("In, NotIn, Exists or DoesNotExist."),
        values: words("Values for In and NotIn; empty for the others."),
      }, { required: ["key", "operator"] }),
    ),
    matchLabels: textMap("Labels that have to be there with these values."),
  });
}

/** Limits and requests of a container. */
export function resourceRequirements(description: string): Schema {
  return object(description, {
    limits: quantityMap("The most that may be used, by resource."),
    requests: quantityMap("What is set aside, by resource; the limit if absent."),
  });
}
