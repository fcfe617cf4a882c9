/**
 * Writes the status of Shims when it says something new, and an event when that is worth one.
 *
 * @module
 */

import { type Shim, SHIMS, type ShimStatus } from "../../crds/shim.ts";
import { isNotFound } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import type { EventRecorder } from "../../lib/kube/event_recorder.ts";
import type { FreshCopies } from "./fresh_copies.ts";
import {
  computeShimStatus,
  headlines,
  isSameShimStatus,
  type ObservedShim,
  seconds,
} from "./shim_status.ts";

/** Milliseconds between two writes of mere numbers: many nodes change at the same time. */
const NUMBERS_MS = 1_000;

/** Reasons of conditions that come and go with every step. */
const QUIET: readonly string[] = [
  "RollingOut",
  "ShimsMissing",
  "AsExpected",
  "Pinned",
  "NotPlanned",
];

/** What a {@link ShimStatusWriter} works with. */
export interface ShimStatusWriterParts {
  readonly client: KubeClient;
  readonly shims: FreshCopies<Shim>;
  readonly events: EventRecorder;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The statuses of all Shims. */
export class ShimStatusWriter {
  readonly #parts: ShimStatusWriterParts;
  /** Shim's uid → when its status was written last. */
  readonly #writtenAt = new Map<string, number>();

  constructor(parts: ShimStatusWriterParts) {
    this.#parts = parts;
  }

  /** @returns Milliseconds until it can be written, if it is too early now. */
  async write(shim: Shim, observed: ObservedShim): Promise<number | undefined> {
    const { client, shims } = this.#parts;
    const now = this.#parts.now();
    const status = computeShimStatus(shim, observed, seconds(new Date(now).toISOString()));
    if (isSameShimStatus(shim.status, status)) return undefined;
    const uid = shim.metadata.uid ?? "";
    const early = NUMBERS_MS - (now - (this.#writtenAt.get(uid) ?? 0));
    const hasNews = headlines(shim.status) !== headlines(status);
    if (!hasNews && early > 0) return early;
    this.#writtenAt.set(uid, now);
    if (hasNews) await this.#tell(shim, status);
    const { failures = null, lastGood = null, rolledBack = null } = status;
    const patch = { status: { ...status, failures, lastGood, rolledBack } };
    try {
      const options = { patch, subresource: "status" };
      shims.note(await client.mergePatch(SHIMS, shim.metadata, options));
    } catch (error) {
      // It went meanwhile.
      if (!isNotFound(error)) throw error;
    }
    return undefined;
  }

  forget(shim: Shim): void {
    this.#writtenAt.delete(shim.metadata.uid ?? "");
  }

  async #tell(shim: Shim, status: ShimStatus): Promise<void> {
    for (const { type, reason, message, status: holds } of status.conditions ?? []) {
      const before = shim.status?.conditions?.find((known) => known.type === type);
      if (before?.reason === reason || QUIET.includes(reason)) continue;
      const isGood = type === "Degraded" ? holds === "False" : holds === "True";
      await this.#parts.events.record(SHIMS, shim, {
        type: isGood ? "Normal" : "Warning",
        reason,
        message,
      });
    }
  }
}
