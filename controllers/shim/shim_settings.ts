/**
 * What the controller of Shims is told by the environment: the variables of runtime-class-manager,
 * and a few beside them.
 *
 * @module
 */

/** How the Jobs are made that work on nodes. */
export interface ShimSettings {
  /** Namespace of all Jobs; undefined: nothing can be done. */
  readonly namespace: string | undefined;
  /** Image of the container that fetches; empty: nothing can be done. */
  readonly downloaderImage: string;
  /** Image of the container that installs. */
  readonly installerImage: string;
  /** Seconds that Jobs stay after their end. */
  readonly jobTtlSeconds: number;
  /** A ConfigMap with variables for the fetching container: tries, proxies; empty: none. */
  readonly downloaderConfigMap: string;
  /** Secrets for the images. */
  readonly imagePullSecrets: readonly string[];
  /** Empty: Kubernetes decides. */
  readonly imagePullPolicy: string;
}

/** Seconds: long enough to read the log of a Job, short enough that they do not pile up. */
const JOB_TTL_SECONDS = 3_600;
const MAX_INT32 = 2 ** 31 - 1;

/**
 * Reads the settings.
 *
 * - `CONTROLLER_NAMESPACE`: namespace of the Jobs; default: `ownNamespace`.
 * - `SHIM_DOWNLOADER_IMAGE`, `SHIM_NODE_INSTALLER_IMAGE`: each stands for the other if it is absent.
 * - `SHIM_NODE_INSTALLER_JOB_TTL`: seconds; what is no number above 0 means an hour. (The original
 *   keeps Jobs for ever then, and is misled by them later.)
 * - `SHIM_DOWNLOADER_CONFIG_MAP`: variables for the fetching container.
 * - Added: `SHIM_IMAGE_PULL_SECRETS`, names with commas between; `SHIM_IMAGE_PULL_POLICY`.
 */
export function readShimSettings(
  environment: (name: string) => string | undefined,
  { ownNamespace }: { ownNamespace: string | undefined },
): ShimSettings {
  const downloader = environment("SHIM_DOWNLOADER_IMAGE") ?? "";
  const installer = environment("SHIM_NODE_INSTALLER_IMAGE") ?? "";
  return {
    namespace: environment("CONTROLLER_NAMESPACE") || ownNamespace,
    downloaderImage: downloader || installer,
    installerImage: installer || downloader,
    jobTtlSeconds: parseTtl(environment("SHIM_NODE_INSTALLER_JOB_TTL")),
    downloaderConfigMap: environment("SHIM_DOWNLOADER_CONFIG_MAP") ?? "",
    imagePullSecrets: (environment("SHIM_IMAGE_PULL_SECRETS") ?? "").split(",")
      .map((name) => name.trim()).filter((name) => name !== ""),
    imagePullPolicy: environment("SHIM_IMAGE_PULL_POLICY") ?? "",
  };
}

function parseTtl(text = ""): number {
  const seconds = /^\+?\d+$/.test(text) ? Number(text) : 0;
  return seconds > 0 && seconds <= MAX_INT32 ? seconds : JOB_TTL_SECONDS;
}
