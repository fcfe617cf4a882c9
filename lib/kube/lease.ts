/**
 * Leader election: one of several processes holds a Lease, and only that one works.
 *
 * @module
 */

import { pause } from "./retry.ts";
import { isAlreadyExists, isConflict } from "./api_error.ts";
import type { KubeClient } from "./client.ts";
import type { KubeObject, ResourceType } from "./types.ts";

/** `coordination.k8s.io/v1` Lease. */
export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    /** RFC 3339 with microseconds. */
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

/** The type of {@link Lease}. */
export const LEASES: ResourceType<Lease> = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  isNamespaced: true,
};

/** Options of {@link holdLease}. */
export interface LeaseOptions {
  readonly namespace: string;
  readonly name: string;
  /** Who we are; no other process may use it. */
  readonly identity: string;
  /** Milliseconds after which a holder that does not renew has lost it. Default: 15 s. */
  readonly durationMs?: number;
  /** Milliseconds within which the holder has to have renewed, or gives up. Default: 10 s. */
  readonly renewDeadlineMs?: number;
  /** Milliseconds between two tries. Default: 2 s. */
  readonly retryMs?: number;
  /** Ends the wait, or gives the lease back. */
  readonly signal: AbortSignal;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  /** Tells that a try has failed. */
  readonly onTrouble?: (error: unknown) => void;
}

/** A lease that is held. */
export interface HeldLease {
  /** Fires when it is lost, or has been given back: whoever works on it has to stop. */
  readonly lost: AbortSignal;
  /** Resolves when it is given back or lost, after the signal of the options fired. */
  readonly released: Promise<void>;
}

/**
 * Waits until the lease is ours, and keeps it until the signal fires. The clocks of other processes
 * do not matter: a holder has lost the lease when its record has not changed for the whole duration
 * on our own clock.
 *
 * @returns The lease; undefined if the signal fired before.
 */
export async function holdLease(
  client: KubeClient,
  options: LeaseOptions,
): Promise<HeldLease | undefined> {
  const election = new Election(client, options);
  while (!options.signal.aborted) {
    if (await election.tryOnce()) return election.keep();
    await pause(election.retryDelay(), options.signal).catch(() => {
      // The loop's condition sees that the signal has fired.
    });
  }
  return undefined;
}

class Election {
  readonly #client: KubeClient;
  readonly #options: Required<Omit<LeaseOptions, "onTrouble">> & Pick<LeaseOptions, "onTrouble">;
  /** The record as it was last seen, and when it was first seen so. */
  #seen: { record: string; at: number } | undefined;
  #lease: Lease | undefined;

  constructor(client: KubeClient, options: LeaseOptions) {
    this.#client = client;
    this.#options = {
      durationMs: 15_000,
      renewDeadlineMs: 10_000,
      retryMs: 2_000,
      now: () => performance.now(),
      ...options,
    };
  }

  /** Milliseconds to the next try, spread so that candidates do not meet. */
  retryDelay(): number {
    return this.#options.retryMs * (1 + Math.random() * 0.2);
  }

  /** @returns Whether the lease is ours now. */
  async tryOnce(): Promise<boolean> {
    try {
      const { namespace, name, signal } = this.#options;
      this.#lease = await this.#client.find(LEASES, { namespace, name });
      if (signal.aborted) return false;
      if (!this.#lease) {
        this.#lease = await this.#client.create(LEASES, {
          metadata: { name, namespace },
          spec: this.#spec(undefined),
        });
        return true;
      }
      if (!this.#isFree(this.#lease)) return false;
      await this.#write(this.#spec(this.#lease.spec));
      return true;
    } catch (error) {
      // Another one was faster.
      if (!isConflict(error) && !isAlreadyExists(error)) this.#options.onTrouble?.(error);
      return false;
    }
  }

  keep(): HeldLease {
    const lost = new AbortController();
    return { lost: lost.signal, released: this.#renewUntilLost(lost) };
  }

  async #renewUntilLost(lost: AbortController): Promise<void> {
    const { signal, now, renewDeadlineMs } = this.#options;
    let renewedAt = now();
    while (!signal.aborted) {
      await pause(this.#options.retryMs, signal).catch(() => {
        // Given back below.
      });
      if (signal.aborted) break;
      try {
        await withDeadline(this.#renew(), renewedAt + renewDeadlineMs - now());
        renewedAt = now();
      } catch (error) {
        this.#options.onTrouble?.(error);
        const isTaken = error instanceof LeaseTaken;
        if (isTaken || now() - renewedAt >= renewDeadlineMs) {
          lost.abort(error);
          return;
        }
      }
    }
    // The work stops first: another one may begin as soon as the lease is free.
    lost.abort(signal.reason);
    await this.#release();
  }

  async #renew(): Promise<void> {
    try {
      await this.#write({ ...this.#lease!.spec, renewTime: microTime() });
    } catch (error) {
      if (!isConflict(error)) throw error;
      const { namespace, name, identity } = this.#options;
      this.#lease = await this.#client.get(LEASES, { namespace, name });
      if (this.#lease.spec?.holderIdentity !== identity) {
        throw new LeaseTaken(this.#lease.spec?.holderIdentity ?? "nobody");
      }
      await this.#write({ ...this.#lease.spec, renewTime: microTime() });
    }
  }

  async #release(): Promise<void> {
    try {
      await this.#write({
        ...this.#lease!.spec,
        holderIdentity: "",
        leaseDurationSeconds: 1,
        renewTime: microTime(),
      });
    } catch (error) {
      // It ends by itself after its duration.
      this.#options.onTrouble?.(error);
    }
  }

  async #write(spec: NonNullable<Lease["spec"]>): Promise<void> {
    this.#lease = await this.#client.update(LEASES, { ...this.#lease!, spec });
  }

  #isFree(lease: Lease): boolean {
    const { spec } = lease;
    const { identity, now, durationMs } = this.#options;
    if (!spec?.holderIdentity || spec.holderIdentity === identity) return true;
    const record = JSON.stringify(spec);
    if (this.#seen?.record !== record) this.#seen = { record, at: now() };
    const duration = (spec.leaseDurationSeconds ?? 0) * 1e3 || durationMs;
    return now() - this.#seen.at >= duration;
  }

  #spec(before: Lease["spec"]): NonNullable<Lease["spec"]> {
    const { identity, durationMs } = this.#options;
    const time = microTime();
    const isOurs = before?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1e3),
      acquireTime: isOurs ? before.acquireTime ?? time : time,
      renewTime: time,
      leaseTransitions: (before?.leaseTransitions ?? -1) + (isOurs ? 0 : 1),
    };
  }
}

class LeaseTaken extends Error {
  override readonly name = "LeaseTaken";

  constructor(holder: string) {
    super(`the lease is held by "${holder}" now`);
  }
}

/** RFC 3339 with microseconds, as Kubernetes' MicroTime has it. */
export function microTime(date = new Date()): string {
  return date.toISOString().replace("Z", "000Z");
}

async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the lease could not be renewed in time")), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
