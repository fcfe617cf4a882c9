/**
 * What a guest's connection resource is made of.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import type { SqlConnection, SqlConnections, SqlTarget } from "./sql_connections.ts";

/** A session has no connection: it was lost or closed, or there was none to be had. */
export class NoConnectionError extends Error {
  override readonly name = "NoConnectionError";
}

/** One guest's use of a connection. Whoever opened it closes it. */
export interface SqlSession<C> {
  /**
   * Runs `action` on the session's connection, always the same one.
   * @throws {NoConnectionError}
   * @throws {Error} of `action`.
   */
  run<T>(action: (connection: C) => Promise<T>): Promise<T>;
  /** Gives the connection to the next guest, or closes it if a statement is under way. */
  close(): void;
}

/**
 * Opens a session.
 * @throws {Error} if there is no connection to be had.
 */
export async function openSqlSession<C extends SqlConnection>(
  connections: SqlConnections<C>,
  target: SqlTarget<C>,
): Promise<SqlSession<C>> {
  // Connecting now tells the guest at once what is wrong. A guest that is ended while it waits never
  // gets the session, so none holds a connection before its first statement.
  await connections.giveBack(await connections.take(target), { isUsed: false });
  return createSession(connections, target);
}

function createSession<C extends SqlConnection>(
  connections: SqlConnections<C>,
  target: SqlTarget<C>,
): SqlSession<C> {
  let held: C | undefined;
  let isBusy = false;
  let isClosed = false;

  async function connection(): Promise<C> {
    if (held) {
      // A new one would be outside of the transaction, and without the temporary tables.
      if (!held.isOpen) throw new NoConnectionError("the connection was lost; open another one");
      return held;
    }
    let taken: C;
    try {
      taken = await connections.take(target);
    } catch (error) {
      throw new NoConnectionError(errorText(error), { cause: error });
    }
    if (!isClosed) return held = taken;
    await connections.giveBack(taken, { isUsed: false });
    throw new NoConnectionError("the connection was closed");
  }

  return {
    async run(action) {
      if (isClosed) throw new NoConnectionError("the connection was closed");
      if (isBusy) throw new Error("another statement is under way on this connection");
      isBusy = true;
      try {
        return await action(await connection());
      } finally {
        isBusy = false;
      }
    },
    close() {
      isClosed = true;
      if (!held) return;
      if (isBusy) held.close();
      // Never rejects.
      else void connections.giveBack(held, { isUsed: true });
      held = undefined;
    },
  };
}
