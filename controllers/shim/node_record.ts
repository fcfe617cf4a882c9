/**
 * What is known of a Shim on a node, kept on the node itself, so that it outlives this process.
 *
 * @module
 */

/** The annotation of a node, as JSON. */
export interface NodeRecord {
  /** Digest of what the node has; absent if nothing, or nobody knows. */
  readonly hash?: string;
  /** The machine it was put on, see {@link machineOf}. */
  readonly machine?: string;
  /** Digest of what was tried last, if that failed. */
  readonly tried?: string;
  /** Tries of it that failed, one after the other. */
  readonly failures?: number;
  /** Why the last one failed. */
  readonly error?: string;
  /** When the last Job ended; RFC 3339. */
  readonly time?: string;
  /** The uid of the last Job whose end has been seen to. */
  readonly job?: string;
}

/** Reads a record. One that somebody has damaged counts as none: the node is looked at again. */
export function parseNodeRecord(text: string | undefined): NodeRecord {
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Nothing that this program has written.
    return {};
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  const { hash, machine, tried, failures, error, time, job } = value as Record<string, unknown>;
  return {
    ...texts({ hash, machine, tried, error, time, job }),
    ...(typeof failures === "number" && failures > 0 ? { failures } : {}),
  };
}

function texts(values: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] =>
      typeof entry[1] === "string"
    ),
  );
}

/** Writes a record. */
export function formatNodeRecord(record: NodeRecord): string {
  return JSON.stringify(record);
}
