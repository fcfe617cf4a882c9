import assert from "node:assert/strict";
import { WorkQueue } from "../../lib/kube/work_queue.ts";
import { createManagerMetrics } from "./manager_metrics.ts";

Deno.test("createManagerMetrics() shows a controller from its start, as controller-runtime does", () => {
  const metrics = createManagerMetrics("api:443");
  metrics.watchQueue("spinapp", { queue: new WorkQueue(), workers: 8 });
  const lines = metrics.text().split("\n");
  for (
    const line of [
      'controller_runtime_max_concurrent_reconciles{controller="spinapp"} 8',
      'controller_runtime_active_workers{controller="spinapp"} 0',
      ...["error", "requeue", "requeue_after", "success"].map((result) =>
        `controller_runtime_reconcile_total{controller="spinapp",result="${result}"} 0`
      ),
      'controller_runtime_reconcile_errors_total{controller="spinapp"} 0',
      'controller_runtime_terminal_reconcile_errors_total{controller="spinapp"} 0',
      'controller_runtime_reconcile_panics_total{controller="spinapp"} 0',
      'workqueue_depth{name="spinapp",controller="spinapp"} 0',
    ]
  ) assert.ok(lines.includes(line), line);
});

Deno.test("createManagerMetrics() counts runs, requests and times of queues", async () => {
  const metrics = createManagerMetrics("api:443");
  let now = 0;
  const queue = new WorkQueue({ now: () => now });
  metrics.watchQueue("shim", { queue, workers: 1 });
  queue.add("a");
  now = 2_000;
  assert.equal(await queue.take(), "a");
  now = 5_000;
  assert.match(metrics.text(), /^workqueue_unfinished_work_seconds\{.*\} 3$/m);
  queue.done("a");
  metrics.controllers.started("shim");
  metrics.controllers.failed("shim", { key: "a", error: new RangeError("x"), isTerminal: true });
  metrics.controllers.ended("shim", { outcome: "error", seconds: 0.2, isTerminal: true });
  metrics.requests.onAnswer("PATCH", 409);
  metrics.requests.onAnswer("GET", 0);
  const text = metrics.text();
  for (
    const pattern of [
      /^controller_runtime_reconcile_total\{controller="shim",result="error"\} 1$/m,
      /^controller_runtime_reconcile_errors_total\{controller="shim"\} 1$/m,
      /^controller_runtime_terminal_reconcile_errors_total\{controller="shim"\} 1$/m,
      /^controller_runtime_reconcile_panics_total\{controller="shim"\} 1$/m,
      /^controller_runtime_reconcile_time_seconds_bucket\{controller="shim",le="0.15"\} 0$/m,
      /^controller_runtime_reconcile_time_seconds_bucket\{controller="shim",le="0.2"\} 1$/m,
      /^rest_client_requests_total\{code="409",method="PATCH",host="api:443"\} 1$/m,
      /^rest_client_requests_total\{code="<error>",method="GET",host="api:443"\} 1$/m,
      /^workqueue_queue_duration_seconds_sum\{name="shim",controller="shim"\} 2$/m,
      /^workqueue_work_duration_seconds_sum\{name="shim",controller="shim"\} 3$/m,
      /^workqueue_longest_running_processor_seconds\{.*\} 0$/m,
      /^workqueue_adds_total\{.*\} 1$/m,
    ]
  ) assert.match(text, pattern);
});
