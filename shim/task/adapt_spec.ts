/**
 * What a container is run with: its own specification, or that of our host.
 *
 * @module
 */

import { SERVING_PROCESS } from "../../crds/contract.ts";
import { installDirOf } from "../../lib/install_dir.ts";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import { notePath } from "../store/app_notes.ts";
import type { AdaptedSpec, CreateParts } from "./create_container.ts";
import { prepareApp } from "./prepare_app.ts";
import { CRI_ANNOTATIONS, type Spec } from "./spec.ts";
import { hostSpec, sandboxSpec } from "./spin_bundle.ts";
import { classifyContainer, isMeantForSpin } from "./spin_container.ts";

/** Where the node keeps prepared apps, unless containerd's `SPINKUBE_STORE_DIR` says otherwise. */
const STORE = "/var/lib/spinkube";

/**
 * The specification that runc gets for a container: our host's for a Spin app, and its own for any
 * other. The root file system is mounted.
 * @throws {Error} if there is no install directory to mount into pods.
 */
export async function adaptSpec(
  { request, spec }: Parameters<CreateParts["adapt"]>[0],
  { namespace, grpcAddress, report }: {
    namespace: string;
    grpcAddress: string;
    /** Is told what happens while an app is prepared. */
    report: (line: string) => void;
  },
): Promise<AdaptedSpec> {
  if (spec.annotations?.[CRI_ANNOTATIONS.containerType] === "sandbox") {
    return { spec: sandboxSpec(spec) };
  }
  const rootfs = rootOf(spec, request.bundle);
  if (classifyContainer(spec, { root: rootfs }) === "linux") return {};
  const store = Deno.env.get("SPINKUBE_STORE_DIR") || STORE;
  const name = { namespace, container: request.id };
  const result = await prepareApp({ address: grpcAddress, ...name, rootfs, store }, report);
  if (result.kind === "none" && !isMeantForSpin(spec)) return {};
  const plan = {
    installDir: findInstallDir(),
    denoFlags: DENO_FLAGS,
    appDir: result.kind === "app" ? result.directory : undefined,
    failure: result.kind === "failure"
      ? result.message
      : result.kind === "none"
      ? NO_APP
      : undefined,
  };
  const adapted = { spec: hostSpec(spec, plan), isServing };
  return result.kind === "app"
    ? { ...adapted, app: { key: result.key, note: notePath(store, name) } }
    : adapted;
}

/** Whether the host has taken the name that says so. */
function isServing(pid: number): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/comm`).trim() === SERVING_PROCESS;
  } catch {
    // It has ended, which somebody else notices.
    return false;
  }
}

const NO_APP = "The image holds no Spin app: it has neither layers of `spin registry push` nor a " +
  "/spin.toml. Push the app with `spin registry push`, or copy its spin.toml and Wasm files to / " +
  "in the image";

function rootOf(spec: Spec, bundle: string): string {
  const path = spec.root?.path ?? "rootfs";
  return path.startsWith("/") ? path : `${bundle}/${path}`;
}

/** The directory that is mounted into pods: the one this program runs from, or the one it is told. */
function findInstallDir(): string {
  const directory = installDirOf(Deno.execPath()) ?? Deno.env.get("SPINKUBE_INSTALL_DIR");
  if (directory) return directory;
  throw new Error(
    "The shim does not run from an install directory, so there is nothing to run in the pod. " +
      "Make one with `deno task install-dir`, and start containerd with SPINKUBE_INSTALL_DIR set " +
      "to it",
  );
}
