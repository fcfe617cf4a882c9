/**
 * The shim's server: one process for a pod, or for all pods of the node, as long as it has containers.
 *
 * @module
 */

import { sleep } from "../../lib/timer.ts";
import { errorText } from "../../lib/errors.ts";
import { dirname } from "../../lib/path.ts";
import { removeNote } from "../store/app_notes.ts";
import { releaseWhenIdle } from "../../lib/idle_memory.ts";
import { TtrpcServer } from "../ttrpc/server.ts";
import { adaptSpec } from "./adapt_spec.ts";
import { createContainer, type CreateParts } from "./create_container.ts";
import { createEventTransport } from "./event_transport.ts";
import { EventQueue } from "./events.ts";
import { openLibc } from "./libc.ts";
import { Lifetime } from "./lifetime.ts";
import { Reaper } from "./reaper.ts";
import { registerTaskService } from "./register.ts";
import { unmount } from "./rootfs.ts";
import { findRunc } from "./runc.ts";
import { readRuntimeOptions } from "./runtime_options.ts";
import { ShimLog } from "./shim_log.ts";
import { registerShimService } from "./shim_service.ts";
import { lockSockets } from "./socket_lock.ts";
import type { ContainerdFacts } from "./start_args.ts";
import { readState } from "./state_file.ts";
import { createTaskService } from "./task_service.ts";
import { Ticker } from "./ticker.ts";

/** What the server is told when it is started. */
export interface ServeOptions {
  readonly namespace: string;
  /** The socket to serve on, and its path. The server closes it. */
  readonly listener: Deno.UnixListener;
  readonly socket: string;
  /** The first container, which containerd will make. */
  readonly id: string;
  readonly bundle: string;
  readonly containerd: ContainerdFacts;
  /** The `PATH` to look for runc in. */
  readonly path: string;
}

const RUNC_ROOT = "/run/containerd/runc";
/** Milliseconds to hand over the last events, and the last answers. */
const FLUSH_MS = 3_000;
const LAST_ANSWERS_MS = 1_000;
const POLL_MS = 2;
/** Milliseconds between two looks whether a process was killed for want of memory. */
const OOM_CHECK_MS = 5_000;

/**
 * Serves until there is nothing left to serve. Whoever started this process may be waiting for it as a
 * job of its own; it leaves that behind.
 */
export async function serve(options: ServeOptions): Promise<void> {
  const { socket, bundle, containerd } = options;
  const libc = openLibc();
  // Fails for the leader of a group, which a process that was started on its own may be.
  libc.setsid();
  const log = new ShimLog(libc, { isDebug: containerd.isDebug });
  log.use(bundle);
  surviveFailures(log);
  const reaper = new Reaper(libc);
  const events = openEvents(options, log);
  const server = new TtrpcServer({
    report: ({ doing, error }) => log.write("warning", `${doing}: ${errorText(error)}`),
  });
  const ticker = new Ticker(OOM_CHECK_MS);
  let over = Promise.withResolvers<void>();
  const service = createTaskService({
    events,
    async create(request, more) {
      lifetime.arrived(request.id);
      memory.worked();
      log.use(request.bundle);
      try {
        return await createContainer(request, {
          libc,
          reaper,
          namespace: options.namespace,
          socketDir: dirname(socket),
          events: more.events,
          atIntervals: (callback) => ticker.add(callback),
          runc: await runcSettings(more.options, options.path),
          adapt: (container) =>
            adaptSpec(container, {
              namespace: options.namespace,
              grpcAddress: containerd.grpcAddress,
              report: (line) => log.write("info", line, { bundle: request.bundle }),
            }),
        });
      } catch (error) {
        forget(request.bundle);
        throw error;
      }
    },
    cleanUp({ bundle }) {
      unmount(libc, `${bundle}/rootfs`);
      const app = readState(bundle)?.app;
      if (app) removeNote(app.note);
      forget(bundle);
    },
    onShutdown: () => lifetime.check(),
  });
  const lifetime = new Lifetime({
    isEmpty: () => service.isEmpty(),
    onEnd: () => over.resolve(),
  });
  lifetime.expect(options.id);
  using memory = releaseWhenIdle();
  function forget(bundle: string): void {
    log.forget(bundle);
    lifetime.used();
    memory.worked();
  }
  registerTaskService(server, service);
  registerShimService(server, (id) => lifetime.expect(id));
  void server.serve(options.listener);
  do {
    await over.promise;
    over = Promise.withResolvers();
  } while (!await stopListening({ server, lifetime, socket, log }));
  lifetime.close();
  await events.flush({ timeoutMs: FLUSH_MS });
  await events.close();
  reaper.close();
  log.close();
}

function openEvents({ containerd, namespace }: ServeOptions, log: ShimLog): EventQueue {
  return new EventQueue({
    transport: createEventTransport({
      ttrpcAddress: containerd.ttrpcAddress,
      grpcAddress: containerd.grpcAddress,
      containerdBinary: containerd.binary,
    }),
    namespace,
    report: ({ topic, reason, error }) =>
      log.write("warning", `event ${topic} is lost: ${reason} ${errorText(error ?? "")}`),
  });
}

/**
 * Closes the socket, unless something has come meanwhile. Nobody finds the server any more then, and
 * another one may be made in its place.
 * @returns Whether it did.
 */
async function stopListening(
  { server, lifetime, socket, log }: {
    server: TtrpcServer;
    lifetime: Lifetime;
    socket: string;
    log: ShimLog;
  },
): Promise<boolean> {
  let closing: Promise<void>;
  try {
    using _ = await lockSockets(dirname(socket));
    if (!lifetime.end()) return false;
    closing = server.shutdown({ graceMs: LAST_ANSWERS_MS });
    await untilGone(socket);
  } catch (error) {
    log.write("error", `cannot end: ${errorText(error)}`);
    lifetime.used();
    return false;
  }
  await closing;
  return true;
}

/** Deno removes the file of a listener a moment after it is closed. By then it must not be another's. */
async function untilGone(socket: string): Promise<void> {
  const deadline = performance.now() + LAST_ANSWERS_MS;
  while (exists(socket) && performance.now() < deadline) {
    await sleep(POLL_MS);
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A failure that nobody waits for must not end the containers of other requests. */
function surviveFailures(log: ShimLog): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.write("error", `unexpected: ${errorText(event.reason)}`);
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    log.write("error", `unexpected: ${errorText(event.error)}`);
  });
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
