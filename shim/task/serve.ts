/**
 * The shim's server: one process for a pod, as long as it has containers.
 *
 * @module
 */

import { SERVING_PROCESS } from "../../crds/contract.ts";
import { errorText } from "../../lib/errors.ts";
import { installDirOf } from "../../lib/install_dir.ts";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import { notePath, removeNote } from "../store/app_notes.ts";
import { listen } from "../ttrpc/address.ts";
import { TtrpcServer } from "../ttrpc/server.ts";
import { type AdaptedSpec, createContainer, type CreateParts } from "./create_container.ts";
import { createEventTransport } from "./event_transport.ts";
import { EventQueue } from "./events.ts";
import { openLibc } from "./libc.ts";
import { Reaper } from "./reaper.ts";
import { registerTaskService } from "./register.ts";
import { unmount } from "./rootfs.ts";
import { findRunc } from "./runc.ts";
import { readRuntimeOptions } from "./runtime_options.ts";
import { prepareApp } from "./prepare_app.ts";
import { ShimLog } from "./shim_log.ts";
import { CRI_ANNOTATIONS, type Spec } from "./spec.ts";
import { hostSpec, sandboxSpec } from "./spin_bundle.ts";
import { classifyContainer, isMeantForSpin } from "./spin_container.ts";
import type { ContainerdFacts } from "./start_args.ts";
import { readState } from "./state_file.ts";
import { createTaskService } from "./task_service.ts";

/** What the server is told when it is started. */
export interface ServeOptions {
  readonly namespace: string;
  /** Path of the socket to serve on. */
  readonly socket: string;
  /** The bundle of the first container. */
  readonly bundle: string;
  readonly containerd: ContainerdFacts;
  /** The `PATH` to look for runc in. */
  readonly path: string;
}

const RUNC_ROOT = "/run/containerd/runc";
/** Milliseconds after which a server that nobody has used ends by itself. */
const UNUSED_MS = 60_000;
/** Milliseconds to hand over the last events, and the last answers. */
const FLUSH_MS = 3_000;
const LAST_ANSWERS_MS = 1_000;

/** Serves until there is nothing left to serve. */
export async function serve(options: ServeOptions): Promise<void> {
  const listener = listen(options.socket);
  const libc = openLibc();
  const log = new ShimLog(libc, { isDebug: options.containerd.isDebug });
  log.use(options.bundle);
  const reaper = new Reaper(libc);
  const events = new EventQueue({
    transport: createEventTransport({
      ttrpcAddress: options.containerd.ttrpcAddress,
      grpcAddress: options.containerd.grpcAddress,
      containerdBinary: options.containerd.binary,
    }),
    namespace: options.namespace,
    report: ({ topic, reason, error }) =>
      log.write("warning", `event ${topic} is lost: ${reason} ${errorText(error ?? "")}`),
  });
  const server = new TtrpcServer({
    report: ({ doing, error }) => log.write("warning", `${doing}: ${errorText(error)}`),
  });
  const ended = Promise.withResolvers<void>();
  const unused = setTimeout(() => ended.resolve(), UNUSED_MS);
  const service = createTaskService({
    events,
    async create(request, more) {
      clearTimeout(unused);
      log.use(request.bundle);
      const parts: CreateParts = {
        libc,
        reaper,
        namespace: options.namespace,
        socketDir: options.socket.slice(0, options.socket.lastIndexOf("/")),
        events: more.events,
        runc: await runcSettings(more.options, options.path),
        adapt: (container) => adaptSpec(container, { options, log }),
      };
      return await createContainer(request, parts);
    },
    cleanUp({ bundle }) {
      unmount(libc, `${bundle}/rootfs`);
      const app = readState(bundle)?.app;
      if (app) removeNote(app.note);
    },
    onEmpty: () => ended.resolve(),
  });
  registerTaskService(server, service);
  // A failure that nobody waits for must not end the containers of a pod.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.write("error", `unexpected: ${errorText(event.reason)}`);
  });
  void server.serve(listener);
  await ended.promise;
  await server.shutdown({ graceMs: LAST_ANSWERS_MS });
  await events.flush({ timeoutMs: FLUSH_MS });
  await events.close();
  reaper.close();
  log.close();
}

/** Where the node keeps prepared apps, unless containerd's `SPINKUBE_STORE_DIR` says otherwise. */
const STORE = "/var/lib/spinkube";

async function adaptSpec(
  { request, spec }: Parameters<CreateParts["adapt"]>[0],
  { options, log }: { options: ServeOptions; log: ShimLog },
): Promise<AdaptedSpec> {
  if (spec.annotations?.[CRI_ANNOTATIONS.containerType] === "sandbox") {
    return { spec: sandboxSpec(spec) };
  }
  const rootfs = rootOf(spec, request.bundle);
  if (classifyContainer(spec, { root: rootfs }) === "linux") return {};
  const store = Deno.env.get("SPINKUBE_STORE_DIR") || STORE;
  const name = { namespace: options.namespace, container: request.id };
  const result = await prepareApp(
    { address: options.containerd.grpcAddress, ...name, rootfs, store },
    (line) => log.write("info", line),
  );
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

async function runcSettings(
  options: Parameters<typeof readRuntimeOptions>[0],
  path: string,
): Promise<CreateParts["runc"]> {
  const settings = await readRuntimeOptions(options, (file) => Deno.readTextFileSync(file));
  return {
    program: findRunc(settings.runcBinary, { path, isExecutable, list }),
    root: settings.runcRoot ?? RUNC_ROOT,
    isSystemdCgroup: settings.isSystemdCgroup,
    isNoPivot: settings.isNoPivot ?? false,
    isNoNewKeyring: settings.isNoNewKeyring ?? false,
  };
}

function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    // Not there, or not ours to see: it is looked for elsewhere.
    return false;
  }
}

function list(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch {
    // Another distribution's place.
    return [];
  }
}
