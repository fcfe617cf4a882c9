/**
 * The operator's limits of outbound connections.
 *
 * @module
 */

import type { ConnectionKind } from "./component_context.ts";

export type { ConnectionKind };

/** Counts open connections; all components of an isolate share one. */
export interface ConnectionLimits {
  /**
   * Counts one more connection; undefined if a limit is reached. The caller calls the result when
   * the connection is closed; further calls have no effect.
   */
  open(kind: ConnectionKind): (() => void) | undefined;
}

/** Most open connections of each kind, and of all kinds together; undefined has no limit. */
export type ConnectionLimitOptions = {
  readonly [kind in ConnectionKind | "total"]?: number | undefined;
};

/** There is no room for one more connection. */
export class TooManyConnectionsError extends Error {
  override readonly name = "TooManyConnectionsError";
}

/** Creates the counters, all at zero. */
export function createConnectionLimits(limits: ConnectionLimitOptions): ConnectionLimits {
  const open = new Map<ConnectionKind, number>();
  let total = 0;
  return {
    open(kind) {
      const count = open.get(kind) ?? 0;
      const isFull = count >= (limits[kind] ?? Infinity) || total >= (limits.total ?? Infinity);
      if (isFull) return undefined;
      open.set(kind, count + 1);
      total++;
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        open.set(kind, open.get(kind)! - 1);
        total--;
      };
    },
  };
}
