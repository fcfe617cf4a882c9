/**
 * Schema of claims that are made for a pod.
 *
 * @module
 */

import { labelSelector, resourceRequirements } from "./common.ts";
import { atomicObject, object, type Schema, text, words } from "./openapi.ts";

/** The claim that is made. */
export function volumeClaimTemplate(): Schema {
  const source = {
    // Clients in Go write null for the core.
    apiGroup: text("Its API group; that of Kubernetes' core if absent.", { nullable: true }),
    kind: text("Its kind."),
    name: text("Its name."),
  };
  return object("The claim that is made.", {
    // Kubernetes' own schemas do not say what is in it either.
    metadata: { description: "Labels and annotations of the claim.", type: "object" },
    spec: object("What is claimed.", {
      accessModes: words("How the volume is accessed, such as ReadWriteOnce."),
      dataSource: atomicObject("What the volume is filled from.", source, {
        required: ["kind", "name"],
      }),
      dataSourceRef: object("What the volume is filled from; also in another namespace.", {
        ...source,
        namespace: text("Its namespace; that of the claim if absent."),
      }, { required: ["kind", "name"] }),
      resources: resourceRequirements("How much is claimed."),
      selector: labelSelector("Volumes that are possible, by labels."),
      storageClassName: text("The storage class."),
      volumeAttributesClassName: text("The class of attributes."),
      volumeMode: text("Filesystem or Block."),
      volumeName: text("One certain volume."),
    }),
  }, { required: ["spec"] });
}
