/**
 * Where the server of a container is: the pod's own, or the one that all pods of the node have.
 *
 * @module
 */

import { fromFileUrl } from "../../lib/file_url.ts";
import { connect, parseAddress } from "../ttrpc/address.ts";
import { groupOf, readSpec } from "./spec.ts";
import type { ContainerdFacts } from "./start_args.ts";

/** The file in a bundle that names the socket of its server. */
export const ADDRESS_FILE = "address";

/** One socket for each containerd, namespace and group of containers. */
export async function socketPath(
  { grpcAddress, socketDir }: Pick<ContainerdFacts, "grpcAddress" | "socketDir">,
  { namespace, group }: { namespace: string; group: string },
): Promise<string> {
  const name = [grpcAddress, namespace, group].join("/").replace(/\/{2,}/g, "/");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(name));
  return `${socketDir}/${new Uint8Array(digest).toHex()}`;
}

/**
 * The group of all pods of a node. Each installation of this program has its own: pods stay with the
 * one that they were started by, and a newer one serves those that come.
 */
export function nodeGroup(): string {
  const program = Deno.build.standalone ? Deno.execPath() : fromFileUrl(Deno.mainModule);
  const { ino, mtime } = Deno.statSync(program);
  // No id of a container has a colon in it.
  return `node:${program}:${ino}:${mtime?.getTime()}`;
}

/** Where a container belongs. */
export interface ServerPlace {
  /** Path of the socket. */
  readonly socket: string;
  /** The container joins others that are served there already, and as long as these are there. */
  readonly isJoined: boolean;
}

/**
 * The place for a new container. If its pod has a server it is that one, whatever the options have
 * become since.
 */
export async function findPlace(
  { id, namespace, bundle, isPerNode, containerd }: {
    id: string;
    namespace: string;
    bundle: string;
    /** One server for all pods of the node. */
    isPerNode: boolean;
    containerd: ContainerdFacts;
  },
): Promise<ServerPlace> {
  const group = groupOf(readSpec(bundle), id);
  const joined = group === id ? undefined : await livingSocket(siblingOf(bundle, group));
  if (joined !== undefined) return { socket: joined, isJoined: true };
  const socket = await socketPath(containerd, {
    namespace,
    group: isPerNode ? nodeGroup() : group,
  });
  return { socket, isJoined: false };
}

/** The bundle of the container that the group is named after: they are all in one directory. */
function siblingOf(bundle: string, group: string): string {
  // A group that somebody else has named is no path of ours.
  const name = group.includes("/") || group.startsWith(".") ? "" : group;
  return name === "" ? "" : `${bundle.slice(0, bundle.lastIndexOf("/"))}/${name}`;
}

async function livingSocket(bundle: string): Promise<string | undefined> {
  if (bundle === "") return undefined;
  const socket = readSocket(bundle);
  return socket !== undefined && await accepts(socket) ? socket : undefined;
}

/** The socket that a bundle names; undefined if it names none. */
export function readSocket(bundle: string): string | undefined {
  try {
    return parseAddress(Deno.readTextFileSync(`${bundle}/${ADDRESS_FILE}`));
  } catch (error) {
    // Its server has not been started, or the file is another program's.
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
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
