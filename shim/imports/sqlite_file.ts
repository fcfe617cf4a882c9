/**
 * What all SQLite files of the host have in common: how they are opened and how a lock that another
 * connection holds is waited for.
 *
 * @module
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import { errorText } from "../../lib/errors.ts";
import { dirname } from "../../lib/path.ts";
import type { MaybePromise } from "./component_context.ts";

/** How long a statement waits for another connection's lock, in milliseconds. */
export const BUSY_TIMEOUT_MS = 5_000;

/**
 * SQLITE_BUSY, another connection holds the lock; and SQLITE_BUSY_RECOVERY, another one mends the file
 * of a process that was killed. The other kinds of it cannot be waited out.
 */
const WAITABLE_CODES: readonly number[] = [5, 5 | (1 << 8)];

/** Longest pause between two tries, in milliseconds. */
const MAX_PAUSE_MS = 50;

/** A statement with the part of `node:sqlite` that its type declarations lack. */
export interface SqliteStatement extends StatementSync {
  /** Makes every row an array. */
  setReturnArrays(enabled: boolean): void;
}

/** A database, with the part of `node:sqlite` that some of its type declarations lack. */
export interface SqliteFile extends Omit<DatabaseSync, "limits" | "prepare" | "setAuthorizer"> {
  /** `SQLITE_LIMIT_LENGTH`, the most bytes of one value. */
  readonly limits: { length: number };
  /** `callback` gets SQLite's action code and its first argument, and returns 0 or 1 (deny). */
  setAuthorizer(callback: (action: number, argument: string | null) => number): void;
  prepare(sql: string): SqliteStatement;
}

/**
 * Opens the file at `path` and its directory, creating both if needed. Errors name the path. The
 * connection itself never waits for locks; use {@link retryWhileBusy}. The caller closes it.
 */
export function openSqliteFile(path: string): SqliteFile {
  try {
    Deno.mkdirSync(dirname(path), { recursive: true });
    return new DatabaseSync(path, {
      timeout: 0,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: true,
    }) as SqliteFile;
  } catch (error) {
    throw new Error(`Cannot open SQLite file "${path}": ${errorText(error)}`, { cause: error });
  }
}

/**
 * Runs `action`, again and again while another connection holds the lock it needs, for at most
 * {@link BUSY_TIMEOUT_MS}.
 *
 * SQLite's own busy handler would block the isolate. Then the guest that holds the lock, if it runs
 * in the same isolate, could never release it.
 */
export function retryWhileBusy<T>(
  action: () => T,
  options: { timeoutMs?: number } = {},
): MaybePromise<T> {
  try {
    return action();
  } catch (error) {
    if (!isBusy(error)) throw error;
    return retryLater(action, options.timeoutMs ?? BUSY_TIMEOUT_MS);
  }
}

async function retryLater<T>(action: () => T, timeoutMs: number): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let pauseMs = 1;; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    try {
      return action();
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
  }
}

/** Errors of prepared statements carry the code, those of `exec` only the text. */
function isBusy(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as Error & { errcode?: number }).errcode;
  return code === undefined
    ? error.message === "database is locked"
    : WAITABLE_CODES.includes(code);
}
