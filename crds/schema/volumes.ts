/**
 * Schemas of volumes and of where they are mounted.
 *
 * @module
 */

import { MOUNTED } from "../contract.ts";
import { flag, list, object, type Schema, text } from "./openapi.ts";
import { VOLUME_SOURCES } from "./volume_sources.ts";

/**
 * Volumes of any source. Sources that Kubernetes gets later are kept too, and given to the pods as
 * they are.
 */
export function volumes(): Schema {
  const { runtimeConfig, certificates } = MOUNTED;
  const item = object("A volume: a name, and one source.", {
    name: text("Name of the volume, for volumeMounts."),
    ...VOLUME_SOURCES,
  }, {
    required: ["name"],
    "x-kubernetes-preserve-unknown-fields": true,
    "x-kubernetes-validations": [{
      rule: `self.name != '${runtimeConfig.volume}' && self.name != '${certificates.volume}'`,
      message:
        `the volume names ${runtimeConfig.volume} and ${certificates.volume} belong to the ` +
        "operator: choose another",
    }],
  });
  return list("Volumes that the pods have.", item);
}

/** Where volumes are mounted. */
export function volumeMounts(): Schema {
  const item = object("Where a volume is mounted.", {
    mountPath: text("Path in the container; an app finds it under this path too."),
    mountPropagation: text("None, HostToContainer or Bidirectional."),
    name: text("Name of the volume."),
    readOnly: flag("Whether the mount is read-only."),
    recursiveReadOnly: text(
      "Whether mounts below are read-only too: Disabled, IfPossible or Enabled.",
    ),
    subPath: text("Path in the volume that is mounted, instead of its root."),
    subPathExpr: text("The same with variables of the environment, as $(NAME)."),
  }, {
    required: ["mountPath", "name"],
    "x-kubernetes-validations": [{
      rule: `self.mountPath != '${MOUNTED.runtimeConfig.path}'`,
      message: `the operator mounts the runtime configuration at ${MOUNTED.runtimeConfig.path}: ` +
        "use runtimeConfig.loadFromSecret for a file of your own",
    }],
  });
  return list("Where the volumes are mounted in the app's container.", item);
}
