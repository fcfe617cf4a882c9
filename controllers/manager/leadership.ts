/**
 * Which of several replicas works.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { type HeldLease, holdLease } from "../../lib/kube/lease.ts";
import type { Log } from "../../lib/structured_log.ts";
import { findOwnNamespace } from "./own_namespace.ts";

/** The lease that the leader holds, as the original's. */
const LEASE = "90ba2d18.spinkube.dev";

/**
 * Waits until this process is the leader, which it stays until `holding` fires.
 * @param options.signal Ends the waiting.
 * @returns Undefined if the signal fired before.
 * @throws {TerminalError} if this process has no namespace for the lease.
 */
export async function lead(
  client: KubeClient,
  { log, signal, holding }: { log: Log; signal: AbortSignal; holding: AbortSignal },
): Promise<HeldLease | undefined> {
  const namespace = findOwnNamespace();
  if (namespace === undefined) {
    throw new TerminalError(
      "NoNamespace",
      "--leader-elect needs the namespace of the lease, and this process runs in no pod; set " +
        "POD_NAMESPACE, or leave --leader-elect out",
    );
  }
  const own = new AbortController();
  const end = (): void => own.abort();
  signal.addEventListener("abort", end);
  holding.addEventListener("abort", end, { once: true });
  const identity = `${Deno.hostname()}_${crypto.randomUUID()}`;
  log.info("Waiting to be the leader", { lease: LEASE, namespace, identity });
  const lease = await holdLease(client, {
    namespace,
    name: LEASE,
    identity,
    signal: own.signal,
    onTrouble: (error) => log.warn("Cannot use the lease", { error: errorText(error) }),
  });
  // From here on it ends after the work, not before.
  signal.removeEventListener("abort", end);
  if (lease) log.info("This process is the leader", { identity });
  return lease;
}
