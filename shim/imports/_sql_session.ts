/**
 * What a guest's connection resource is made of.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import type { RowQueue } from "./_row_stream.ts";
import type { SqlConnection, SqlConnections, SqlTarget } from "./sql_connections.ts";

/** A session has no connection: it was lost or closed, or there was none to be had. */
export class NoConnectionError extends Error {
  override readonly name = "NoConnectionError";
}

/** One guest's use of a connection. Whoever opened it closes it. */
export interface SqlSession<C> {
  /** Most bytes of one result, or of one row of a stream. */
  readonly maxResultBytes: number;
  /**
   * Runs `action` on the session's connection, always the same one, after what was begun before.
   * @param options.rows Where the action puts its rows: they may be read when the session is closed.
   * @throws {NoConnectionError}
   * @throws {Error} of `action`.
   */
  run<T>(
    action: (connection: C) => Promise<T>,
    options?: { readonly rows?: RowQueue<unknown> },
  ): Promise<T>;
  /**
   * Gives the connection to the next guest, when the rows of its last statement have been read. If
   * nobody reads the outcome of what is under way, the connection is closed.
   */
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
  let running: Running | undefined;
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

  /** The session is closed. */
  function release(): void {
    if (!held) return;
    if (running && (!running.rows || running.rows.isDropped)) held.close();
    else if (running) return;
    // Never rejects.
    else void connections.giveBack(held, { isUsed: true });
    held = undefined;
  }

  return {
    maxResultBytes: connections.maxResultBytes,
    async run(action, { rows } = {}) {
      while (running && !isClosed) {
        // A guest may well wait for this statement before it reads on.
        running.rows?.unbind();
        await running.ended;
      }
      if (isClosed) throw new NoConnectionError("the connection was closed");
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      running = { rows, ended };
      rows?.onDropped(() => {
        if (isClosed) release();
      });
      try {
        return await action(await connection());
      } finally {
        running = undefined;
        resolve();
        if (isClosed) release();
      }
    },
    close() {
      isClosed = true;
      release();
    },
  };
}

/** A statement under way. */
interface Running {
  readonly rows: RowQueue<unknown> | undefined;
  /** Never rejects. */
  readonly ended: Promise<void>;
}
