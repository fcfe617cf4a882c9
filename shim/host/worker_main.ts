/**
 * A worker: one more isolate that serves the app on the shared port.
 *
 * @module
 */

import { parentPort, workerData } from "node:worker_threads";
import { HttpListener, type ListenOptions } from "./http_listener.ts";
import type { IsolateInit } from "./guests.ts";
import { createIsolate } from "./isolate.ts";
import type { LiveReport } from "./live/live_report.ts";
import type { Snapshot } from "./metrics/samples.ts";
import { writeReport } from "./report.ts";

/** What a worker is started with. */
export interface WorkerInit {
  readonly isolate: IsolateInit;
  readonly listen: ListenOptions;
}

/** From the worker to the main isolate. */
export type WorkerMessage =
  | { readonly type: "ready" }
  | { readonly type: "stopped" }
  | { readonly type: "metrics"; readonly question: number; readonly snapshot: Snapshot }
  | { readonly type: "live"; readonly question: number; readonly report: LiveReport };
/** From the main isolate to the worker, which answers with its numbers. */
export interface MetricsMessage {
  readonly type: "metrics";
  /** Goes back with the answer. */
  readonly question: number;
}
/** From the main isolate to the worker, which answers with what the live page is to be told. */
export interface LiveMessage {
  readonly type: "live";
  /** Goes back with the answer. */
  readonly question: number;
}
/** From the main isolate to the worker. */
export interface StopMessage {
  readonly type: "stop";
  readonly graceMs: number;
}

/** Serves until the main isolate says stop. */
export async function runWorker(): Promise<void> {
  const port = parentPort!;
  const init = workerData as WorkerInit;
  const isolate = await createIsolate(init.isolate, {
    environment: (name) => Deno.env.get(name),
    report: writeReport,
  });
  const listener = new HttpListener(init.listen, {
    handler: isolate.handler,
    report: (line) => writeReport([line]),
  });
  port.postMessage({ type: "ready" } satisfies WorkerMessage);
  const { graceMs } = await new Promise<StopMessage>((resolve) => {
    port.on("message", async (message: StopMessage | MetricsMessage | LiveMessage) => {
      if (message.type === "stop") return resolve(message);
      if (message.type === "live") {
        const report = await isolate.live?.take();
        if (!report) return;
        const { question } = message;
        return port.postMessage({ type: "live", question, report } satisfies WorkerMessage);
      }
      const snapshot = isolate.snapshot?.() ?? {};
      port.postMessage(
        { type: "metrics", question: message.question, snapshot } satisfies WorkerMessage,
      );
    });
  });
  await listener.stop(graceMs);
  await isolate.close();
  // The main isolate ends this one when it hears that.
  port.postMessage({ type: "stopped" } satisfies WorkerMessage);
}
