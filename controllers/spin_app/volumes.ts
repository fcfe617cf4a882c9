/**
 * The volumes of an app's pods, and where they are mounted.
 *
 * @module
 */

import { MOUNTED } from "../../crds/contract.ts";
import type { SpinApp } from "../../crds/spin_app.ts";
import { TerminalError } from "../../lib/errors.ts";
import type { Volume, VolumeMount } from "../../lib/kube/workload_types.ts";

/** Secrets that are mounted into an app's pods. */
export interface MountedSecrets {
  /** The runtime configuration that was made for the app; undefined if the user has one of his own. */
  readonly generatedConfig: string | undefined;
  /** The CAs that the app trusts. */
  readonly certificates: string | undefined;
}

/** Volumes and mounts, in the order that SpinKube has. */
export interface AppVolumes {
  readonly volumes: Volume[];
  readonly volumeMounts: VolumeMount[];
}

/**
 * The runtime configuration first, then the user's volumes, then the CAs.
 * @throws {TerminalError} if names or paths occur twice.
 */
export function buildVolumes(app: SpinApp, secrets: MountedSecrets): AppVolumes {
  const loaded = app.spec.runtimeConfig?.loadFromSecret;
  if (loaded && secrets.generatedConfig !== undefined) {
    throw new TerminalError(
      "InvalidRuntimeConfig",
      "cannot specify both a user-provided runtime secret and a generated one",
    );
  }
  const config = mountSecret(loaded || secrets.generatedConfig, MOUNTED.runtimeConfig);
  const certificates = mountSecret(secrets.certificates, MOUNTED.certificates);
  const volumes = [...config.volumes, ...app.spec.volumes ?? [], ...certificates.volumes];
  const volumeMounts = [
    ...config.volumeMounts,
    ...app.spec.volumeMounts ?? [],
    ...certificates.volumeMounts,
  ];
  refuseDuplicates(volumes.map(({ name }) => name), "volumes with the name");
  refuseDuplicates(volumeMounts.map(({ mountPath }) => mountPath), "mounts at");
  return { volumes, volumeMounts };
}

/** A pod starts without the Secret too, as SpinKube has it; the status tells that it is missing. */
function mountSecret(
  secretName: string | undefined,
  { volume, key, path }: { volume: string; key: string; path: string },
): AppVolumes {
  if (secretName === undefined) return { volumes: [], volumeMounts: [] };
  return {
    volumes: [{
      name: volume,
      secret: { secretName, optional: true, items: [{ key, path: key }] },
    }],
    volumeMounts: [{ name: volume, readOnly: true, mountPath: path, subPath: key }],
  };
}

function refuseDuplicates(names: readonly string[], what: string): void {
  const twice = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  if (twice.size === 0) return;
  throw new TerminalError(
    "DuplicateVolume",
    `the pods would have several ${what} ${
      [...twice].map((name) => JSON.stringify(name)).join(", ")
    }; rename those of the app ("${MOUNTED.runtimeConfig.volume}" and ` +
      `"${MOUNTED.certificates.volume}", and their files, belong to the operator)`,
  );
}
