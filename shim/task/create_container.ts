/**
 * From containerd's request to a container that waits to be started.
 *
 * @module
 */

import type { Mount } from "../proto/containerd_types.ts";
import { removeNote } from "../store/app_notes.ts";
import { StatusError } from "../ttrpc/status.ts";
import { openCgroup } from "./cgroup.ts";
import { Container, type ContainerEvents, type ContainerParts, readPid } from "./container.ts";
import type { Libc } from "./libc.ts";
import { openProcessIo, type ProcessIo } from "./process_io.ts";
import type { Exit, Reaper } from "./reaper.ts";
import { mountRootfs, unmount } from "./rootfs.ts";
import { Runc, type RuncConfig, type RunProcess } from "./runc.ts";
import { spawnProcess } from "./spawn_process.ts";
import { isSystemdCgroup, readSpec, sharesPidNamespace, type Spec, writeSpec } from "./spec.ts";
import { type ContainerState, type UsedApp, writeState } from "./state_file.ts";
import { TaskProcess } from "./task_process.ts";

/** What containerd asks for. */
export interface CreateRequest {
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: readonly Mount[];
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly isTerminal: boolean;
}

/** Settings of runc, from the runtime's options. */
export interface RuncSettings {
  /** Name or path; undefined: it is looked for. */
  readonly program: string;
  /** Directory of its state, without the namespace. */
  readonly root: string;
  /** Undefined: as the specification's cgroup path says. */
  readonly isSystemdCgroup: boolean | undefined;
  readonly isNoPivot: boolean;
  readonly isNoNewKeyring: boolean;
}

/** What containers are made with. */
export interface CreateParts {
  readonly libc: Libc;
  readonly reaper: Reaper;
  readonly namespace: string;
  /** For sockets; a short path. */
  readonly socketDir: string;
  readonly events: ContainerEvents;
  /** See {@link ContainerParts.atIntervals}. */
  readonly atIntervals: ContainerParts["atIntervals"];
  readonly runc: RuncSettings;
  /**
   * Turns the specification of a Spin app's container into one that runs our host; any other is left
   * alone. The root file system is mounted.
   */
  readonly adapt: (container: { request: CreateRequest; spec: Spec }) => Promise<AdaptedSpec>;
}

/** A specification, ready for runc. */
export interface AdaptedSpec {
  /** Undefined: it has not been changed. */
  readonly spec?: Spec;
  /** The app in the node's store that the container uses. */
  readonly app?: UsedApp;
  /** See {@link ContainerParts.isServing}. */
  readonly isServing?: ContainerParts["isServing"];
}

/**
 * Creates a container. After a failure nothing is left of it.
 * @throws {StatusError} or {Error} whose message is shown to users as it is.
 */
export async function createContainer(
  request: CreateRequest,
  parts: CreateParts,
): Promise<Container> {
  const { bundle, id } = request;
  const root = `${bundle}/rootfs`;
  const undo: (() => unknown)[] = [];
  try {
    if (request.rootfs.length > 0) {
      Deno.mkdirSync(root, { recursive: true, mode: 0o711 });
      undo.push(() => unmount(parts.libc, root));
      mountRootfs(parts.libc, { root, mounts: request.rootfs });
    }
    const original = readSpec(bundle);
    const { spec = original, app, isServing } = await parts.adapt({ request, spec: original });
    if (app) undo.push(() => removeNote(app.note));
    if (spec !== original) writeSpec(bundle, spec);
    const config = runcConfig(spec, parts);
    const state = { runc: config, pid: 0, ...(app === undefined ? {} : { app }) };
    writeState(bundle, state);
    const openIo = ioOpener(request, parts);
    const io = await openIo(ioRequest(request), "init");
    undo.push(() => io.close());
    const runc = new Runc({ ...config, log: `${bundle}/log.json`, run: runner(parts) });
    const pid = await startInit(runc, { request, io, settings: parts.runc, undo });
    writeState(bundle, { ...state, pid });
    const init = new TaskProcess("", ioRequest(request));
    init.attach(pid, io);
    return new Container({ id, bundle, init }, {
      runc,
      reaper: parts.reaper,
      events: parts.events,
      cgroup: openCgroup(parts.libc, pid),
      openIo,
      isPidNamespaceShared: sharesPidNamespace(spec),
      atIntervals: parts.atIntervals,
      ...(isServing ? { isServing } : {}),
      onExit: (exit) => writeState(bundle, { ...state, pid, exit: toJson(exit) }),
    });
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

async function startInit(
  runc: Runc,
  { request, io, settings, undo }: {
    request: CreateRequest;
    io: ProcessIo;
    settings: RuncSettings;
    undo: (() => unknown)[];
  },
): Promise<number> {
  const { id, bundle } = request;
  const pidFile = `${bundle}/init.pid`;
  undo.push(() => runc.delete(id, { isForced: true }));
  await runc.create(id, {
    bundle,
    pidFile,
    stdio: io.descriptors,
    consoleSocket: io.consoleSocket,
    isNoPivot: settings.isNoPivot,
    isNoNewKeyring: settings.isNoNewKeyring,
  }).catch((error: unknown) => {
    throw new StatusError("UNKNOWN", `OCI runtime create failed: ${(error as Error).message}`, {
      cause: error,
    });
  });
  await io.attach();
  return readPid(pidFile);
}

function runcConfig(spec: Spec, { runc, namespace }: CreateParts): Omit<RuncConfig, "log" | "run"> {
  return {
    program: runc.program,
    root: `${runc.root}/${namespace}`,
    isSystemdCgroup: runc.isSystemdCgroup ?? isSystemdCgroup(spec),
  };
}

function runner({ libc, reaper }: CreateParts): RunProcess {
  return async (program, { args, stdio }) => {
    const env = Deno.env.toObject();
    const pid = spawnProcess(libc, { program, args, stdio, env });
    return (await reaper.exitOf(pid)).status;
  };
}

function ioRequest({ stdin, stdout, stderr, isTerminal }: CreateRequest) {
  return { stdin, stdout, stderr, isTerminal };
}

/** Names of sockets have to be short, and ids of containers are not. */
function ioOpener(
  request: CreateRequest,
  { libc, socketDir, namespace }: CreateParts,
): (request: ReturnType<typeof ioRequest>, name: string) => Promise<ProcessIo> {
  return (io, name) =>
    openProcessIo(libc, io, {
      directory: socketDir,
      name: `${request.id.slice(0, 12)}-${name.slice(0, 12)}-${crypto.randomUUID().slice(0, 8)}`,
      container: request.id,
      namespace,
    });
}

function toJson({ status, at }: Exit): NonNullable<ContainerState["exit"]> {
  return { status, at: at.toISOString() };
}
