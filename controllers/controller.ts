/**
 * Runs a reconciler on the keys of a queue.
 *
 * @module
 */

import { TemporaryError, TerminalError } from "../lib/errors.ts";
import type { WorkQueue } from "../lib/kube/work_queue.ts";
import type { Reconciler, ReconcileResult } from "./reconciler.ts";

/** How a run ended, as `controller_runtime_reconcile_total` names it. */
export type ReconcileOutcome = "success" | "error" | "requeue" | "requeue_after";

/** Gets what happens in a controller. */
export interface ControllerObserver {
  started(controller: string): void;
  ended(controller: string, run: {
    outcome: ReconcileOutcome;
    seconds: number;
    /** Nobody tries again until something changes. */
    isTerminal: boolean;
  }): void;
  /** @param error What was thrown. */
  failed(controller: string, failure: { key: string; error: unknown; isTerminal: boolean }): void;
}

/** Options of {@link runController}. */
export interface ControllerOptions {
  /** For logs and metrics. */
  readonly name: string;
  readonly queue: WorkQueue;
  readonly reconcile: Reconciler;
  readonly observer: ControllerObserver;
  /** Objects that are worked on at the same time. */
  readonly workers: number;
}

/** Works until the queue is closed; runs that have begun end first. */
export async function runController(options: ControllerOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.workers }, () => runWorker(options)));
}

async function runWorker(options: ControllerOptions): Promise<void> {
  for (;;) {
    const key = await options.queue.take();
    if (key === undefined) return;
    await runOnce(key, options);
    options.queue.done(key);
  }
}

async function runOnce(key: string, options: ControllerOptions): Promise<void> {
  const { name, queue, reconcile, observer } = options;
  const from = performance.now();
  observer.started(name);
  let outcome: ReconcileOutcome;
  let isTerminal = false;
  try {
    outcome = schedule(key, { queue, result: await reconcile(key) });
  } catch (error) {
    isTerminal = error instanceof TerminalError;
    outcome = retry(key, { queue, error });
    observer.failed(name, { key, error, isTerminal });
  }
  observer.ended(name, { outcome, isTerminal, seconds: (performance.now() - from) / 1e3 });
}

function schedule(
  key: string,
  { queue, result }: { queue: WorkQueue; result: ReconcileResult | undefined },
): ReconcileOutcome {
  queue.forget(key);
  if (result?.againAfterMs === undefined) return "success";
  queue.addAfter(key, result.againAfterMs);
  return "requeue_after";
}

function retry(
  key: string,
  { queue, error }: { queue: WorkQueue; error: unknown },
): ReconcileOutcome {
  if (error instanceof TerminalError) queue.forget(key);
  else if (error instanceof TemporaryError) queue.addAfter(key, error.retryAfterMs);
  else queue.retry(key);
  return "error";
}
