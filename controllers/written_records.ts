/**
 * What was written last, so that nothing is written twice: watches tell of a write only after a while,
 * and the API server may write down something else than what it was given (`0.5` as `500m`).
 *
 * @module
 */

import { fingerprint } from "../lib/fingerprint.ts";

/** Milliseconds after which a write that no watch has told of counts as lost. */
const LOST_MS = 10_000;

interface Written {
  readonly digest: string;
  /** The version of the object before, and after. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly at: number;
}

/** Records of the objects of one kind. */
export class WrittenRecords {
  readonly #written = new Map<string, Written>();
  readonly #now: () => number;

  /** @param now Milliseconds of a clock. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Whether `content` is what was written last, and nobody has changed the object since.
   * @param version The version that is known now; undefined if there is no object.
   * @returns `"done"`, `"pending"` while the watch has not told of it, or `"no"`.
   */
  state(key: string, { content, version }: { content: unknown; version: string | undefined }):
    | "done"
    | "pending"
    | "no" {
    const written = this.#written.get(key);
    if (!written || written.digest !== digest(content)) return "no";
    if (version !== undefined && version === written.after) return "done";
    const isUnseen = version === written.before && this.#now() - written.at < LOST_MS;
    return isUnseen ? "pending" : "no";
  }

  record(
    key: string,
    { content, before, after }: {
      content: unknown;
      before: string | undefined;
      after: string | undefined;
    },
  ): void {
    this.#written.set(key, { digest: digest(content), before, after, at: this.#now() });
  }

  /** The object is gone, or nobody asks for it any more. */
  forget(key: string): void {
    this.#written.delete(key);
  }
}

function digest(content: unknown): string {
  return fingerprint(JSON.stringify(content));
}
