/**
 * The operator's limits of outbound connections.
 *
 * @module
 */

/** What a connection is used for. */
export type ConnectionKind = "http" | "socket" | "redis";

/** Counts open connections; all components of an isolate share one. */
export interface ConnectionLimits {
  /**
   * Counts one more connection; undefined if a limit is reached. The caller calls the result when
   * the connection is closed; further calls have no effect.
   */
  open(kind: ConnectionKind): (() => void) | undefined;
}

/** Most open connections of each kind; undefined has no limit. */
export interface ConnectionLimitOptions {
  readonly http?: number | undefined;
  readonly socket?: number | undefined;
  readonly redis?: number | undefined;
  readonly total?: number | undefined;
}

/** Creates the counters, all at zero. */
export function createConnectionLimits(limits: ConnectionLimitOptions): ConnectionLimits {
  const open = { http: 0, socket: 0, redis: 0 };
  return {
    open(kind) {
      const isFull = open[kind] >= (limits[kind] ?? Infinity) ||
        open.http + open.socket + open.redis >= (limits.total ?? Infinity);
      if (isFull) return undefined;
      open[kind]++;
      let isOpen = true;
      return () => {
        if (isOpen) open[kind]--;
        isOpen = false;
      };
    },
  };
}
