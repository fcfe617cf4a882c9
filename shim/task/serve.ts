/**
 * The shim's server: one process for a pod, as long as it has containers.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { listen } from "../ttrpc/address.ts";
import { TtrpcServer } from "../ttrpc/server.ts";
import { createContainer, type CreateParts } from "./create_container.ts";
import { createEventTransport } from "./event_transport.ts";
import { EventQueue } from "./events.ts";
import { openLibc } from "./libc.ts";
import { Reaper } from "./reaper.ts";
import { registerTaskService } from "./register.ts";
import { unmount } from "./rootfs.ts";
import { findRunc } from "./runc.ts";
import { readRuntimeOptions } from "./runtime_options.ts";
import { ShimLog } from "./shim_log.ts";
import type { ContainerdFacts } from "./start_args.ts";
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
  const log = new ShimLog({ isDebug: options.containerd.isDebug });
  log.use(options.bundle);
  const libc = openLibc();
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
        adapt: () => Promise.resolve({}),
      };
      return await createContainer(request, parts);
    },
    cleanUp: ({ bundle }) => unmount(libc, `${bundle}/rootfs`),
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
