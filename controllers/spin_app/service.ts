/**
 * The Service of an app.
 *
 * @module
 */

import { OPERATOR } from "../../crds/contract.ts";
import type { SpinApp } from "../../crds/spin_app.ts";
import { apiVersion } from "../../lib/kube/types.ts";
import { type Service, SERVICES } from "../../lib/kube/workload_types.ts";
import { childMetadata, serviceSelector } from "./app_objects.ts";

/**
 * The Service that leads to the app's pods, whoever makes these: they need its label and a port with
 * the name `http-app`. Its own port is 80, so that nothing changes for those who call the app when the
 * app listens elsewhere.
 */
export function buildService(app: SpinApp): Service {
  return {
    apiVersion: apiVersion(SERVICES),
    kind: SERVICES.kind,
    metadata: childMetadata(app, app.spec.serviceAnnotations),
    spec: {
      type: "ClusterIP",
      ports: [{ protocol: "TCP", port: OPERATOR.port, targetPort: OPERATOR.portName }],
      selector: serviceSelector(app.metadata.name),
    },
  };
}
