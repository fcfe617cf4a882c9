/**
 * The metrics of the operator, under the names of controller-runtime, which dashboards know.
 *
 * @module
 */

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { WorkQueue } from "../../lib/kube/work_queue.ts";
import type { TransportObserver } from "../../lib/kube/transport.ts";
import type { ControllerObserver } from "../controller.ts";

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

/** All metrics of one process. */
export interface ManagerMetrics {
  readonly controllers: ControllerObserver;
  readonly requests: TransportObserver;
  /** Counts what a controller's queue does from now on. */
  watchQueue(controller: string, queue: { queue: WorkQueue; workers: number }): void;
  /** An admission request has been answered. */
  webhookAnswered(webhook: string, answer: { code: number; seconds: number }): void;
  /** Requests to a webhook that are being answered: 1 more, or 1 less. */
  webhookInFlight(webhook: string, change: 1 | -1): void;
  setLeader(isLeader: boolean): void;
  /** The text format of Prometheus. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** Creates the metrics. @param host The API server, for `rest_client_requests_total`. */
export function createManagerMetrics(host: string): ManagerMetrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  collectDefaultMetrics({ register: registry });
  const runtime = createControllerMetrics(registers);
  const webhooks = createWebhookMetrics(registers);
  const requests = new Counter({
    name: "rest_client_requests_total",
    help: "Requests to the API server, by status code, method and host",
    labelNames: ["code", "method", "host"],
    registers,
  });
  const leader = new Gauge({
    name: "leader_election_master_status",
    help: "Whether this process is the leader",
    labelNames: ["name"],
    registers,
  });
  const queues = createQueueMetrics(registers);
  return {
    controllers: runtime.observer,
    requests: {
      onAnswer: (method, code) =>
        requests.inc({ method, host, code: code === 0 ? "<error>" : String(code) }),
    },
    watchQueue(controller, { queue, workers }) {
      runtime.workers.set({ controller }, workers);
      queues.push({ controller, queue });
    },
    webhookAnswered(webhook, { code, seconds }) {
      webhooks.total.inc({ webhook, code: String(code) });
      webhooks.latency.observe({ webhook }, seconds);
    },
    webhookInFlight: (webhook, change) => webhooks.inFlight.inc({ webhook }, change),
    setLeader: (isLeader) => leader.set({ name: "spin-operator" }, isLeader ? 1 : 0),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function createControllerMetrics(
  registers: Registry[],
): { observer: ControllerObserver; workers: Gauge } {
  const labelNames = ["controller"];
  const total = new Counter({
    name: "controller_runtime_reconcile_total",
    help: "Runs, by controller and result",
    labelNames: ["controller", "result"],
    registers,
  });
  const errors = new Counter({
    name: "controller_runtime_reconcile_errors_total",
    help: "Runs that failed, by controller",
    labelNames,
    registers,
  });
  const terminal = new Counter({
    name: "controller_runtime_terminal_reconcile_errors_total",
    help: "Failures that are not tried again before something changes, by controller",
    labelNames,
    registers,
  });
  const panics = new Counter({
    name: "controller_runtime_reconcile_panics_total",
    help: "Runs that ended in a defect, by controller",
    labelNames,
    registers,
  });
  const seconds = new Histogram({
    name: "controller_runtime_reconcile_time_seconds",
    help: "Time of runs, by controller",
    labelNames,
    buckets: RUN_BUCKETS,
    registers,
  });
  const active = new Gauge({
    name: "controller_runtime_active_workers",
    help: "Runs at this moment, by controller",
    labelNames,
    registers,
  });
  const workers = new Gauge({
    name: "controller_runtime_max_concurrent_reconciles",
    help: "Runs that may be at the same time, by controller",
    labelNames,
    registers,
  });
  return {
    workers,
    observer: {
      started: (controller) => active.inc({ controller }),
      ended(controller, { outcome, seconds: time, isTerminal }) {
        active.dec({ controller });
        total.inc({ controller, result: outcome });
        seconds.observe({ controller }, time);
        if (outcome === "error") errors.inc({ controller });
        if (isTerminal) terminal.inc({ controller });
      },
      failed(controller, { error }) {
        // What the network and the API server cause has classes of its own.
        if (error instanceof TypeError || error instanceof RangeError) panics.inc({ controller });
      },
    },
  };
}

function createWebhookMetrics(
  registers: Registry[],
): { total: Counter; latency: Histogram; inFlight: Gauge } {
  return {
    total: new Counter({
      name: "controller_runtime_webhook_requests_total",
      help: "Admission requests, by webhook and status code",
      labelNames: ["webhook", "code"],
      registers,
    }),
    latency: new Histogram({
      name: "controller_runtime_webhook_latency_seconds",
      help: "Time to answer admission requests, by webhook",
      labelNames: ["webhook"],
      registers,
    }),
    inFlight: new Gauge({
      name: "controller_runtime_webhook_requests_in_flight",
      help: "Admission requests that are being answered, by webhook",
      labelNames: ["webhook"],
      registers,
    }),
  };
}

/** Read when somebody asks. */
function createQueueMetrics(
  registers: Registry[],
): { controller: string; queue: WorkQueue }[] {
  const queues: { controller: string; queue: WorkQueue }[] = [];
  function gauge(
    name: string,
    { help, read }: { help: string; read: (queue: WorkQueue) => number },
  ) {
    new Gauge({
      name,
      help,
      labelNames: ["name", "controller"],
      registers,
      collect() {
        for (const { controller, queue } of queues) {
          this.set({ name: controller, controller }, read(queue));
        }
      },
    });
  }
  gauge("workqueue_depth", { help: "Keys that wait for a worker", read: ({ depth }) => depth });
  gauge("workqueue_adds_total", { help: "Keys ever added", read: ({ adds }) => adds });
  gauge("workqueue_retries_total", { help: "Keys ever retried", read: ({ retries }) => retries });
  return queues;
}
