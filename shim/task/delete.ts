/**
 * `delete`: removes what is left of a container whose server is gone, and says how it ended.
 *
 * @module
 */

import { dirname } from "../../lib/path.ts";
import { timestampOf } from "../proto/well_known.ts";
import { removeNote } from "../store/app_notes.ts";
import { readPid } from "./container.ts";
import { encodeDeleteResponse } from "./command_output.ts";
import { openLibc } from "./libc.ts";
import { unmount } from "./rootfs.ts";
import { Runc } from "./runc.ts";
import { accepts, readSocket } from "./server_place.ts";
import { lockSockets } from "./socket_lock.ts";
import { exitOf, readState } from "./state_file.ts";

/** What is said of a process that was killed. */
const KILLED = 128 + 9;

/**
 * Cleans up; what is gone already is fine. Run in the bundle.
 * @returns The answer for containerd.
 */
export async function deleteContainer(id: string, bundle: string): Promise<Uint8Array> {
  const state = readState(bundle);
  if (state) {
    const runc = new Runc({ ...state.runc, log: undefined });
    await runc.delete(id, { isForced: true });
  }
  unmount(openLibc(), `${bundle}/rootfs`);
  if (state?.app) removeNote(state.app.note);
  await removeDeadSocket(bundle);
  const exit = exitOf(state) ?? { status: KILLED, at: new Date() };
  return encodeDeleteResponse({
    pid: state?.pid || pidOf(bundle),
    exitStatus: exit.status,
    exitedAt: timestampOf(exit.at.getTime()),
  });
}

/** The socket of a server that was killed. One that serves other containers stays. */
async function removeDeadSocket(bundle: string): Promise<void> {
  const socket = readSocket(bundle);
  if (socket === undefined || await accepts(socket)) return;
  try {
    // Meanwhile another one may have begun to serve there.
    using _ = await lockSockets(dirname(socket));
    if (!await accepts(socket)) Deno.removeSync(socket);
  } catch (error) {
    // It is gone.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The pid that runc wrote; 0 if there never was a process. Also of bundles of other shims. */
function pidOf(bundle: string): number {
  try {
    return readPid(`${bundle}/init.pid`);
  } catch {
    // The answer is needed all the same.
    return 0;
  }
}
