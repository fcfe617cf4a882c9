/**
 * `start`: finds the server of a container, or becomes it, and says where it is.
 *
 * One process does both: the runtime is started once for the first container of a pod, and not once to
 * look for a server and once more to be it. Whoever starts it reads the address from its stdout and
 * leaves it behind.
 *
 * @module
 */

import { RUNTIME } from "../../crds/contract.ts";
import { dirname } from "../../lib/path.ts";
import { removeIfThereSync } from "../../lib/remove_if_there.ts";
import { selfCommand } from "../../lib/self_command.ts";
import { sleep } from "../../lib/timer.ts";
import { formatAddress, listen } from "../ttrpc/address.ts";
import { accepts, ADDRESS_FILE, findPlace } from "./server_place.ts";
import { lockSockets } from "./socket_lock.ts";
import type { ContainerdFacts } from "./start_args.ts";

/** Milliseconds that servers may come and go before one stays. */
const JOIN_MS = 10_000;
const POLL_MS = 5;

/** What `start` has found or made. */
export interface StartedServer {
  /** For containerd. */
  readonly address: string;
  readonly socket: string;
  /** There was no server: this process is to serve here, which is accepting already. */
  readonly listener?: Deno.UnixListener;
}

/**
 * Finds the server of a container, or makes its socket. Run in the bundle.
 * @throws {Error} with one sentence, if there is neither.
 */
export async function findOrListen(
  { id, namespace, bundle, isPerNode, containerd }: {
    id: string;
    namespace: string;
    bundle: string;
    isPerNode: boolean;
    containerd: ContainerdFacts;
  },
): Promise<StartedServer> {
  const { socket, isJoined } = await findPlace({ id, namespace, bundle, isPerNode, containerd });
  const address = formatAddress(socket);
  const listener = isJoined ? undefined : await listenUnlessServed(socket, { id, isPerNode });
  // Where containerd 1.x finds the server again after it was restarted itself.
  Deno.writeTextFileSync(`${bundle}/${ADDRESS_FILE}.new`, address);
  Deno.renameSync(`${bundle}/${ADDRESS_FILE}.new`, `${bundle}/${ADDRESS_FILE}`);
  return { address, socket, ...(listener === undefined ? {} : { listener }) };
}

async function listenUnlessServed(
  socket: string,
  { id, isPerNode }: { id: string; isPerNode: boolean },
): Promise<Deno.UnixListener | undefined> {
  const deadline = performance.now() + JOIN_MS;
  for (;;) {
    const listener = await listenIfFree(socket);
    if (listener || !isPerNode) return listener;
    // The other containers of the node may be gone before this one has come. The lock is free
    // meanwhile: a server that does not answer must not keep others from starting.
    const { announceContainer } = await import("./shim_service.ts");
    const answer = await announceContainer(socket, id);
    if (answer.isExpected) return undefined;
    if (answer.isSilent || performance.now() > deadline) {
      throw new Error(
        `The server of this node's pods does not answer on "${socket}": ${answer.reason}. End ` +
          "it, and its pods are started again; `ss -xlp` tells its process",
      );
    }
    await sleep(POLL_MS);
  }
}

/** @returns Undefined if somebody serves there. */
async function listenIfFree(socket: string): Promise<Deno.UnixListener | undefined> {
  using _ = await lockSockets(dirname(socket));
  if (await accepts(socket)) return undefined;
  // The file of a server that has died: nobody can listen on it any more.
  removeIfThereSync(socket);
  return listen(socket);
}

/**
 * Starts this program as the one that finds or becomes the server, and waits for its answer. For
 * programs whose launcher does not do so itself (see `deploy/image/install_dir.ts`).
 * @returns The address for containerd.
 * @throws {Error} with what it said last, if it has none.
 */
export async function startInBackground(
  words: readonly string[],
  { bundle }: { bundle: string },
): Promise<string> {
  const log = `${bundle}/${RUNTIME.serverLog}`;
  Deno.openSync(log, { append: true, create: true, mode: 0o600 }).close();
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", 'exec "$@" 2>>"$0"', log, ...selfCommand(), "shim", "-stay", ...words],
    detached: true,
    stdin: "inherit",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  child.unref();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(lastLine(log));
    text += value;
  }
  return text.slice(0, text.indexOf("\n"));
}

function lastLine(file: string): string {
  return Deno.readTextFileSync(file).trim().split("\n").at(-1) ||
    "The shim's server ended and did not say why";
}
