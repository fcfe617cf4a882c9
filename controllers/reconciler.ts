/**
 * What a controller does: brings the cluster to what one object asks for, again and again.
 *
 * @module
 */

/** What a {@link Reconciler} wants next. */
export interface ReconcileResult {
  /** Milliseconds until the object is to be looked at again, even if nothing changes. */
  readonly againAfterMs?: number;
}

/**
 * Looks at the object `key` (`namespace/name`, or `name`), and does what is missing. It is given no
 * reason: it may be called at any time, as often as one likes, and does nothing when all is done. The
 * same object is never reconciled twice at the same time.
 *
 * A `TerminalError` is not tried again before something changes, a `TemporaryError` after the time
 * it names, and everything else after a pause that grows.
 */
export type Reconciler = (key: string) => Promise<ReconcileResult | undefined>;
