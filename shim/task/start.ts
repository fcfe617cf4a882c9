/**
 * `start`: finds or starts the server of a pod, and says where it is.
 *
 * @module
 */

import { selfCommand } from "../../lib/self_command.ts";
import { connect, formatAddress } from "../ttrpc/address.ts";
import { groupOf, readSpec } from "./spec.ts";
import type { ContainerdFacts, ShimArguments } from "./start_args.ts";

/** Milliseconds that a server has to accept connections. */
const SERVE_MS = 10_000;
const POLL_MS = 2;
/** Where a server that fails to start says why. */
const SERVER_LOG = "spinkube-shim.log";

/**
 * Starts the server, or finds the one that the pod has already. Run in the bundle.
 * @returns The address for containerd.
 * @throws {Error} with one sentence, if there is none.
 */
export async function startServer(
  args: ShimArguments,
  { containerd, bundle }: { containerd: ContainerdFacts; bundle: string },
): Promise<string> {
  const group = groupOf(readSpec(bundle), args.id);
  const socket = await socketPath(containerd, { namespace: args.namespace, group });
  if (!await accepts(socket)) await startNew(args, { containerd, bundle, socket });
  const address = formatAddress(socket);
  // Where containerd 1.x finds the server again after it was restarted itself.
  Deno.writeTextFileSync(`${bundle}/address.new`, address);
  Deno.renameSync(`${bundle}/address.new`, `${bundle}/address`);
  return address;
}

/** One socket for each containerd, namespace and pod. */
export async function socketPath(
  { grpcAddress, socketDir }: ContainerdFacts,
  { namespace, group }: { namespace: string; group: string },
): Promise<string> {
  const name = [grpcAddress, namespace, group].join("/").replace(/\/{2,}/g, "/");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(name));
  return `${socketDir}/${new Uint8Array(digest).toHex()}`;
}

async function startNew(
  args: ShimArguments,
  { containerd, bundle, socket }: {
    containerd: ContainerdFacts;
    bundle: string;
    socket: string;
  },
): Promise<void> {
  removeStale(socket);
  const logFile = `${bundle}/${SERVER_LOG}`;
  Deno.openSync(logFile, { append: true, create: true, mode: 0o600 }).close();
  const child = new Deno.Command("/bin/sh", {
    args: [
      ...["-c", 'exec "$@" 2>>"$0"', logFile],
      ...selfCommand(),
      "shim",
      ...["-namespace", args.namespace, "-id", args.id, "-address", containerd.grpcAddress],
      ...["-publish-binary", containerd.binary, "-socket", socket, "-bundle", bundle],
      ...(containerd.isDebug ? ["-debug"] : []),
    ],
    detached: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    cwd: "/",
    clearEnv: true,
    env: serverEnvironment(containerd),
  }).spawn();
  child.unref();
  let code: number | undefined;
  void child.status.then((status) => code = status.code);
  const deadline = performance.now() + SERVE_MS;
  while (!await accepts(socket)) {
    // Of two that start at once for a pod one ends: the other one has the socket.
    const isOver = performance.now() > deadline || (code !== undefined && !await accepts(socket));
    if (isOver) throw new Error(`The shim's server did not start: ${lastLine(logFile)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function serverEnvironment(containerd: ContainerdFacts): Record<string, string> {
  const { NOTIFY_SOCKET: _, ...environment } = Deno.env.toObject();
  return { ...environment, TTRPC_ADDRESS: containerd.ttrpcAddress };
}

/** Whether somebody serves on a socket. */
export async function accepts(socket: string): Promise<boolean> {
  try {
    (await connect(socket)).close();
    return true;
  } catch (error) {
    const isNobody = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.ConnectionRefused;
    if (isNobody) return false;
    throw error;
  }
}

/** The file of a server that has died; nobody can listen on it any more. */
function removeStale(socket: string): void {
  try {
    Deno.removeSync(socket);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function lastLine(file: string): string {
  return Deno.readTextFileSync(file).trim().split("\n").at(-1) || "it said nothing";
}
