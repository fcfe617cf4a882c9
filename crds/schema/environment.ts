/**
 * Schemas of variables and probes.
 *
 * @module
 */

import { fieldReference, keyReference, resourceReference } from "./common.ts";
import { atomicObject, flag, int32, list, object, type Schema, text } from "./openapi.ts";

/** Where a variable may come from. */
function valueSource(description: string): Schema {
  return object(description, {
    configMapKeyRef: keyReference("ConfigMap"),
    fieldRef: fieldReference("A field of the pod."),
    fileKeyRef: atomicObject("A key of a file with variables in a volume.", {
      key: text("The key in the file."),
      optional: flag("Whether the file or the key may be missing.", { default: false }),
      path: text("Path of the file in the volume."),
      volumeName: text("Name of the volume."),
    }, { required: ["key", "path", "volumeName"] }),
    resourceFieldRef: resourceReference("A limit or request of the container."),
    secretKeyRef: keyReference("Secret"),
  });
}

/** The app's variables. */
export function variables(): Schema {
  const item = object("A variable: a value, or where it comes from.", {
    name: text("Name of the variable, as in spin.toml."),
    value: text("The value."),
    valueFrom: valueSource("Where the value comes from, instead of value."),
  }, { required: ["name"] });
  return list(
    "Values for the variables that the app declares. The app reads them by Spin's variables " +
      "interface; its environment has them as SPIN_VARIABLE_ and the name in upper case.",
    item,
  );
}

/** Further environment of the container. */
export function environment(): Schema {
  return list(
    "Added by this operator: further environment of the container, for the host rather than the " +
      "app (the app sees only its variables).",
    object("A variable of the environment.", {
      name: text("Name of the variable."),
      value: text("The value."),
      valueFrom: valueSource("Where the value comes from, instead of value."),
    }, { required: ["name"] }),
  );
}

/** A probe of the app. */
function probe(description: string): Schema {
  return object(description, {
    failureThreshold: int32("Failures in a row after which the probe has failed.", { default: 3 }),
    httpGet: object("An HTTP request to the app; an answer of 200 to 399 is a success.", {
      httpHeaders: list(
        "Headers of the request.",
        object("A header.", {
          name: text("Name of the header."),
          value: text("Value of the header."),
        }, { required: ["name", "value"] }),
        // Clients in Go write null for no headers.
        { nullable: true },
      ),
      path: text("Path that is asked for."),
    }, { required: ["path"] }),
    initialDelaySeconds: int32("Seconds from the container's start to the first request.", {
      default: 10,
    }),
    periodSeconds: int32("Seconds between requests.", { default: 10 }),
    successThreshold: int32("Successes in a row after which the probe succeeds again.", {
      default: 1,
    }),
    timeoutSeconds: int32("Seconds that the answer may take.", { default: 1 }),
  });
}

/** The probes of an app. */
export function healthChecks(): Schema {
  return object("Health checks of the app.", {
    liveness: probe("Restarts the container when it fails."),
    readiness: probe("Sends the pod no requests while it fails."),
  });
}
