/**
 * The metrics of the operator, under the names of controller-runtime, which dashboards know.
 *
 * @module
 */

import type { TransportObserver } from "../../lib/kube/transport.ts";
import type { WorkQueue } from "../../lib/kube/work_queue.ts";
import {
  type Histogram,
  type Labels,
  MetricRegistry,
  type Numbers,
} from "../../lib/metric_registry.ts";
import { PROMETHEUS_TEXT } from "../../lib/metric_text.ts";
import { addProcessMetrics } from "../../lib/process_metrics.ts";
import type { ControllerObserver, ReconcileOutcome } from "../controller.ts";

/** controller-runtime's buckets for the time of a run, in seconds. */
const RUN_BUCKETS = [
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.15,
  0.2,
  0.25,
  0.3,
  0.35,
  0.4,
  0.45,
  0.5,
  0.6,
  0.7,
  0.8,
  0.9,
  1,
  1.25,
  1.5,
  1.75,
  2,
  2.5,
  3,
  3.5,
  4,
  4.5,
  5,
  6,
  7,
  8,
  9,
  10,
  15,
  20,
  25,
  30,
  40,
  50,
  60,
];

/** client-go's buckets for times of queues, in seconds. */
const QUEUE_BUCKETS = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1_000];

/** The default of Prometheus' client for Go, in seconds. */
const ANSWER_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const RESULTS: readonly ReconcileOutcome[] = ["error", "requeue", "requeue_after", "success"];

/** All metrics of one process. */
export interface ManagerMetrics {
  readonly controllers: ControllerObserver;
  readonly requests: TransportObserver;
  /** Counts what a controller and its queue do from now on. */
  watchQueue(controller: string, queue: { queue: WorkQueue; workers: number }): void;
  /** An admission request has been answered. */
  webhookAnswered(webhook: string, answer: { code: number; seconds: number }): void;
  /** Requests to a webhook that are being answered: 1 more, or 1 less. */
  webhookInFlight(webhook: string, change: 1 | -1): void;
  setLeader(isLeader: boolean): void;
  /** The text format of Prometheus. */
  text(): string;
  readonly contentType: string;
}

/** Creates the metrics. @param host The API server, for `rest_client_requests_total`. */
export function createManagerMetrics(host: string): ManagerMetrics {
  const registry = new MetricRegistry();
  const runtime = createControllerMetrics(registry);
  const webhooks = createWebhookMetrics(registry);
  const requests = registry.counter("rest_client_requests_total", {
    help: "Requests to the API server, by status code, method and host",
    labels: ["code", "method", "host"],
  });
  const leader = registry.gauge("leader_election_master_status", {
    help: "Whether this process is the leader",
    labels: ["name"],
  });
  const watchQueue = createQueueMetrics(registry);
  addProcessMetrics(registry);
  return {
    controllers: runtime.observer,
    requests: {
      onAnswer: (method, code) =>
        requests.add({ method, host, code: code === 0 ? "<error>" : String(code) }),
    },
    watchQueue(controller, { queue, workers }) {
      runtime.begin(controller, workers);
      watchQueue(controller, queue);
    },
    webhookAnswered(webhook, { code, seconds }) {
      webhooks.total.add({ webhook, code: String(code) });
      webhooks.latency.observe({ webhook }, seconds);
    },
    webhookInFlight: (webhook, change) => webhooks.inFlight.add({ webhook }, change),
    setLeader: (isLeader) => leader.set({ name: "spin-operator" }, isLeader ? 1 : 0),
    text: () => registry.text(),
    contentType: PROMETHEUS_TEXT,
  };
}

function createControllerMetrics(registry: MetricRegistry): {
  observer: ControllerObserver;
  /** Shows all numbers of a controller, which are 0 so far. */
  begin: (controller: string, workers: number) => void;
} {
  const labels = ["controller"];
  const total = registry.counter("controller_runtime_reconcile_total", {
    help: "Runs, by controller and result",
    labels: ["controller", "result"],
  });
  const errors = registry.counter("controller_runtime_reconcile_errors_total", {
    help: "Runs that failed, by controller",
    labels,
  });
  const terminal = registry.counter("controller_runtime_terminal_reconcile_errors_total", {
    help: "Failures that are not tried again before something changes, by controller",
    labels,
  });
  const panics = registry.counter("controller_runtime_reconcile_panics_total", {
    help: "Runs that ended in a defect, by controller",
    labels,
  });
  const seconds = registry.histogram("controller_runtime_reconcile_time_seconds", {
    help: "Time of runs, by controller",
    labels,
    buckets: RUN_BUCKETS,
  });
  const active = registry.gauge("controller_runtime_active_workers", {
    help: "Runs at this moment, by controller",
    labels,
  });
  const workers = registry.gauge("controller_runtime_max_concurrent_reconciles", {
    help: "Runs that may be at the same time, by controller",
    labels,
  });
  return {
    begin(controller, count) {
      workers.set({ controller }, count);
      for (const result of RESULTS) total.add({ controller, result }, 0);
      for (const counter of [errors, terminal, panics, active]) counter.add({ controller }, 0);
    },
    observer: {
      started: (controller) => active.add({ controller }),
      ended(controller, { outcome, seconds: time, isTerminal }) {
        active.add({ controller }, -1);
        total.add({ controller, result: outcome });
        seconds.observe({ controller }, time);
        if (outcome === "error") errors.add({ controller });
        if (isTerminal) terminal.add({ controller });
      },
      failed(controller, { error }) {
        // What the network and the API server cause has classes of its own.
        if (error instanceof TypeError || error instanceof RangeError) panics.add({ controller });
      },
    },
  };
}

function createWebhookMetrics(
  registry: MetricRegistry,
): { total: Pick<Numbers, "add">; latency: Histogram; inFlight: Numbers } {
  return {
    total: registry.counter("controller_runtime_webhook_requests_total", {
      help: "Admission requests, by webhook and status code",
      labels: ["webhook", "code"],
    }),
    latency: registry.histogram("controller_runtime_webhook_latency_seconds", {
      help: "Time to answer admission requests, by webhook",
      labels: ["webhook"],
      buckets: ANSWER_BUCKETS,
    }),
    inFlight: registry.gauge("controller_runtime_webhook_requests_in_flight", {
      help: "Admission requests that are being answered, by webhook",
      labels: ["webhook"],
    }),
  };
}

/** @returns Tells of a controller's queue from now on. */
function createQueueMetrics(
  registry: MetricRegistry,
): (controller: string, queue: WorkQueue) => void {
  const queues: { labels: Labels; queue: WorkQueue }[] = [];
  const labels = ["name", "controller"];
  function computed(
    name: string,
    { type = "gauge", help, read }: {
      type?: "counter" | "gauge";
      help: string;
      read: (queue: WorkQueue) => number;
    },
  ): void {
    registry.computed(name, {
      type,
      help,
      labels,
      read: () => queues.map((known): [Labels, number] => [known.labels, read(known.queue)]),
    });
  }
  computed("workqueue_depth", { help: "Keys that wait for a worker", read: ({ depth }) => depth });
  computed("workqueue_adds_total", {
    type: "counter",
    help: "Keys ever added",
    read: ({ adds }) => adds,
  });
  computed("workqueue_retries_total", {
    type: "counter",
    help: "Keys ever retried",
    read: ({ retries }) => retries,
  });
  computed("workqueue_unfinished_work_seconds", {
    help: "Time that workers have had the keys which they have now, of all together",
    read: (queue) => queue.workTimes().reduce((sum, ms) => sum + ms, 0) / 1e3,
  });
  computed("workqueue_longest_running_processor_seconds", {
    help: "Time that a worker has had the key which it has now, of the slowest",
    read: (queue) => Math.max(0, ...queue.workTimes()) / 1e3,
  });
  const [waited, worked] = [
    ["workqueue_queue_duration_seconds", "Time that keys waited for a worker"] as const,
    ["workqueue_work_duration_seconds", "Time that workers took for keys"] as const,
  ].map(([name, help]) => registry.histogram(name, { help, labels, buckets: QUEUE_BUCKETS }));
  return (controller, queue) => {
    const own = { name: controller, controller };
    queues.push({ labels: own, queue });
    queue.observer = {
      onTaken: (ms) => waited!.observe(own, ms / 1e3),
      onDone: (ms) => worked!.observe(own, ms / 1e3),
    };
  };
}
