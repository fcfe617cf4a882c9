/**
 * The parts of an OCI runtime specification that the shim looks at.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";

/** `config.json` of a bundle. What is not named here is kept as it is. */
export interface Spec {
  root?: { path?: string; readonly?: boolean };
  process?: {
    terminal?: boolean;
    args?: string[];
    env?: string[];
    cwd?: string;
    user?: { uid?: number; gid?: number };
    capabilities?: Record<string, string[] | undefined>;
    [key: string]: unknown;
  };
  mounts?: SpecMount[];
  annotations?: Record<string, string>;
  linux?: {
    cgroupsPath?: string;
    namespaces?: { type: string; path?: string }[];
    sysctl?: Record<string, string>;
    resources?: { memory?: { limit?: number }; cpu?: { quota?: number; period?: number } };
    [key: string]: unknown;
  };
  [key: string]: unknown;
}

/** One mount of a specification. */
export interface SpecMount {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
}

/** Annotations that CRI writes. */
export const CRI_ANNOTATIONS = {
  containerType: "io.kubernetes.cri.container-type",
  sandboxId: "io.kubernetes.cri.sandbox-id",
  group: "io.containerd.runc.v2.group",
} as const;

/** Reads the specification of a bundle. @throws {Error} naming the file. */
export function readSpec(bundle: string): Spec {
  const path = `${bundle}/config.json`;
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    throw new Error(`Cannot read "${path}": ${errorText(error)}`, { cause: error });
  }
}

/** Writes the specification of a bundle, wholly or not at all. */
export function writeSpec(bundle: string, spec: Spec): void {
  const path = `${bundle}/config.json`;
  Deno.writeTextFileSync(`${path}.new`, JSON.stringify(spec), { mode: 0o600 });
  Deno.renameSync(`${path}.new`, path);
}

/** Which containers are served by one shim: those of a pod, or of a group. */
export function groupOf(spec: Spec, id: string): string {
  const { group, sandboxId } = CRI_ANNOTATIONS;
  return spec.annotations?.[group] || spec.annotations?.[sandboxId] || id;
}

/** Whether its processes are in the pid namespace of others. */
export function sharesPidNamespace(spec: Spec): boolean {
  const namespace = spec.linux?.namespaces?.find(({ type }) => type === "pid");
  return namespace === undefined || Boolean(namespace.path);
}

/** CRI writes `<slice>:cri-containerd:<id>` where systemd manages cgroups, and else a path. */
export function isSystemdCgroup(spec: Spec): boolean {
  const path = spec.linux?.cgroupsPath ?? "";
  return !path.startsWith("/") && path.split(":").length === 3;
}
