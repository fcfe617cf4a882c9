/**
 * Counts what one isolate does, for Prometheus. Loaded only if metrics are served.
 *
 * @module
 */

import type { Guests } from "../guests.ts";
import type { ObservedMessage, ObservedRequest, Observer } from "../observer.ts";
import { Samples, type Snapshot } from "./samples.ts";

/** The metrics of one isolate. */
export class HostMetrics implements Observer {
  readonly #samples = new Samples();

  async request(request: ObservedRequest, answer: () => Promise<Response>): Promise<Response> {
    const { match } = request;
    const labels = [match?.target.component ?? "", match?.pattern.raw ?? ""];
    const samples = this.#samples;
    const start = performance.now();
    samples.add("spinkube_http_requests_in_flight", []);
    try {
      const response = await answer();
      samples.add("spinkube_http_requests", [...labels, String(response.status)]);
      return response;
    } finally {
      samples.add("spinkube_http_requests_in_flight", [], -1);
      samples.observe("spinkube_http_request_duration_seconds", labels, secondsSince(start));
    }
  }

  async message<T>({ trigger, component }: ObservedMessage, handle: () => Promise<T>): Promise<T> {
    const start = performance.now();
    let result = "error";
    try {
      const value = await handle();
      result = "ok";
      return value;
    } finally {
      const labels = [trigger, component];
      this.#samples.add("spinkube_trigger_messages", [...labels, result]);
      this.#samples.observe(
        "spinkube_trigger_message_duration_seconds",
        labels,
        secondsSince(start),
      );
    }
  }

  /**
   * The numbers so far.
   * @param options.maxInstanceBytes The isolate's share of the instances' memory.
   */
  snapshot(
    guests: Guests,
    { maxInstanceBytes }: { maxInstanceBytes: number },
  ): Snapshot {
    const now = new Samples();
    for (const { id, counters } of guests.all) {
      const { created, reset, discarded } = counters;
      now.add("spinkube_instances", [id], created - discarded);
      now.add("spinkube_instances_created", [id], created);
      now.add("spinkube_instances_reset", [id], reset);
      now.add("spinkube_instances_discarded", [id], discarded);
    }
    now.add("spinkube_instance_memory_bytes", [], guests.instanceBytes);
    now.add("spinkube_instance_memory_limit_bytes", [], maxInstanceBytes);
    now.add("spinkube_heap_used_bytes", [], Deno.memoryUsage().heapUsed);
    now.add("spinkube_isolates", []);
    return { ...this.#samples.snapshot(), ...now.snapshot() };
  }
}

function secondsSince(start: number): number {
  return (performance.now() - start) / 1_000;
}
