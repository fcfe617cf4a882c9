/**
 * Rewrites the specification of a Spin app's container, so that runc runs our host in it: in the
 * pod's namespaces, cgroup, user, mounts and limits, and with nothing of the node's environment.
 *
 * @module
 */

import { POD_PATHS } from "../../crds/contract.ts";
import { INSTALL_DIR, installedCommand, installedEnvironment } from "../../lib/install_dir.ts";
import type { Spec, SpecMount } from "./spec.ts";

/** What the container runs. */
export interface HostPlan {
  /** The install directory on the node. */
  readonly installDir: string;
  readonly denoFlags: readonly string[];
  /** The app in the node's store; undefined if there is none. */
  readonly appDir: string | undefined;
  /** Why there is none, for whoever looks at the pod. */
  readonly failure?: string | undefined;
}

/** The smallest port that every user may listen on. */
const PORT_SYSCTL = "net.ipv4.ip_unprivileged_port_start";

/** Where apps and the host write, if the pod has nothing there. */
const WRITABLE = [POD_PATHS.state, "/tmp"];

/** The specification that runs our host. Nothing given is changed. */
export function hostSpec(spec: Spec, plan: HostPlan): Spec {
  const process = spec.process ?? {};
  const environment = Object.entries(installedEnvironment(POD_PATHS.runtime, INSTALL_DIR.podCache))
    .map(([name, value]) => `${name}=${value}`);
  return {
    ...spec,
    process: {
      ...process,
      args: hostCommand(process.args ?? [], { plan, spec }),
      // The program's own come last: they win.
      env: [...process.env ?? [], ...environment],
      cwd: "/",
    },
    mounts: [...spec.mounts ?? [], ...ourMounts(plan), ...writableMounts(spec)],
  };
}

function hostCommand(
  args: readonly string[],
  { plan, spec }: { plan: HostPlan; spec: Spec },
): string[] {
  const terminationLog = findTerminationLog(spec);
  return installedCommand(POD_PATHS.runtime, {
    denoFlags: plan.denoFlags,
    args: [
      "host",
      ...(plan.appDir === undefined ? [] : ["--app", POD_PATHS.app]),
      ...(plan.failure === undefined ? [] : ["--failed", plan.failure]),
      ...(terminationLog === undefined ? [] : ["--termination-log", terminationLog]),
      "--",
      ...args,
    ],
  });
}

function ourMounts({ installDir, appDir }: HostPlan): SpecMount[] {
  return [
    readOnlyBind(installDir, POD_PATHS.runtime),
    ...(appDir === undefined ? [] : [readOnlyBind(appDir, POD_PATHS.app)]),
  ];
}

function readOnlyBind(source: string, destination: string): SpecMount {
  return { destination, type: "bind", source, options: ["rbind", "ro", "nosuid", "nodev"] };
}

/** A user who may not write to the root file system, or nobody may. */
function writableMounts(spec: Spec): SpecMount[] {
  const isWritable = spec.root?.readonly !== true && (spec.process?.user?.uid ?? 0) === 0;
  if (isWritable) return [];
  const taken = (spec.mounts ?? []).map(({ destination }) => destination.replace(/\/+$/, ""));
  return WRITABLE.filter((path) => !taken.includes(path)).map((destination) => ({
    destination,
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "nodev", "mode=1777"],
  }));
}

/** kubelet mounts a file of the container's directory where the pod wants its last message. */
function findTerminationLog(spec: Spec): string | undefined {
  return spec.mounts?.find(({ type, source }) =>
    type === "bind" && /\/pods\/[^/]+\/containers\/[^/]+\/[^/]+$/.test(source ?? "")
  )?.destination;
}

/**
 * The specification of a pod's sandbox. The original runtime lets apps of every user listen on port
 * 80; here a setting of the pod's network does, which needs no capability. containerd 2 sets it by
 * itself.
 */
export function sandboxSpec(spec: Spec): Spec {
  const network = spec.linux?.namespaces?.find(({ type }) => type === "network");
  const isSet = spec.linux?.sysctl?.[PORT_SYSCTL] !== undefined;
  if (!network || isSet) return spec;
  return {
    ...spec,
    linux: { ...spec.linux, sysctl: { ...spec.linux?.sysctl, [PORT_SYSCTL]: "0" } },
  };
}
