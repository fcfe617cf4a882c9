/**
 * The Secret that holds an app's runtime configuration. Its name changes with its content, so that
 * new content is a new template, and the pods are replaced one after the other.
 *
 * @module
 */

import { MOUNTED } from "../../crds/contract.ts";
import type { SpinApp } from "../../crds/spin_app.ts";
import { apiVersion } from "../../lib/kube/types.ts";
import { type Secret, SECRETS } from "../../lib/kube/workload_types.ts";
import { adler32 } from "./adler32.ts";
import { appLabels, ownerReference } from "./app_objects.ts";

/** The Secret for a configuration. */
export function buildRuntimeConfigSecret(app: SpinApp, toml: string): Secret {
  const bytes = new TextEncoder().encode(toml);
  const { name, namespace } = app.metadata;
  return {
    apiVersion: apiVersion(SECRETS),
    kind: SECRETS.kind,
    metadata: {
      // Without zeroes in front, as SpinKube has it.
      name: `${name}-${adler32(bytes).toString(16)}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: appLabels(name),
      ownerReferences: [ownerReference(app)],
    },
    data: { [MOUNTED.runtimeConfig.key]: bytes.toBase64() },
  };
}

/** Whether a Secret's name says that it is a runtime configuration made for this app. */
export function isRuntimeConfigName(name: string, app: string): boolean {
  return name.startsWith(`${app}-`) && /^[0-9a-f]{1,8}$/.test(name.slice(app.length + 1));
}
