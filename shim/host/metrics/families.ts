/**
 * The metrics of the host: their names, which are a contract with dashboards and alerts.
 *
 * @module
 */

/** What is told of one family of metrics. */
export interface Family {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Names of the labels, in the order of their values. */
  readonly labels: readonly string[];
  /** The unit, which is the end of the name. */
  readonly unit?: "seconds" | "bytes";
}

/** Upper bounds of the buckets, in seconds. */
export const BUCKETS: readonly number[] = [
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
];

/** All families, by name. Names of counters are without `_total`. */
export const FAMILIES = {
  spinkube_http_requests: {
    type: "counter",
    help: "HTTP requests that were answered, by component, route and status.",
    labels: ["component", "route", "status"],
  },
  spinkube_http_request_duration_seconds: {
    type: "histogram",
    help: "Time from a request to the beginning of its response.",
    labels: ["component", "route"],
    unit: "seconds",
  },
  spinkube_http_requests_in_flight: {
    type: "gauge",
    help: "HTTP requests whose response has not begun.",
    labels: [],
  },
  spinkube_trigger_messages: {
    type: "counter",
    help: "Messages that triggers handed to components, by type of the trigger and result.",
    labels: ["trigger", "component", "result"],
  },
  spinkube_trigger_message_duration_seconds: {
    type: "histogram",
    help: "Time that a component took for a message.",
    labels: ["trigger", "component"],
    unit: "seconds",
  },
  spinkube_instances: {
    type: "gauge",
    help: "Instances that exist, in use or idle.",
    labels: ["component"],
  },
  spinkube_instances_created: {
    type: "counter",
    help: "Instances that were made.",
    labels: ["component"],
  },
  spinkube_instances_reset: {
    type: "counter",
    help: "Instances that were put back into their first state after a request.",
    labels: ["component"],
  },
  spinkube_instances_discarded: {
    type: "counter",
    help: "Instances that were thrown away.",
    labels: ["component"],
  },
  spinkube_instance_memory_bytes: {
    type: "gauge",
    help: "Memory that live instances are charged with.",
    labels: [],
    unit: "bytes",
  },
  spinkube_instance_memory_limit_bytes: {
    type: "gauge",
    help: "Memory that live instances may be charged with; beyond it requests wait.",
    labels: [],
    unit: "bytes",
  },
  spinkube_heap_used_bytes: {
    type: "gauge",
    help: "JavaScript heap in use, of all isolates.",
    labels: [],
    unit: "bytes",
  },
  spinkube_isolates: {
    type: "gauge",
    help: "Isolates that serve.",
    labels: [],
  },
  process_resident_memory_bytes: {
    type: "gauge",
    help: "Resident memory size in bytes.",
    labels: [],
    unit: "bytes",
  },
  process_start_time_seconds: {
    type: "gauge",
    help: "Start time of the process since unix epoch in seconds.",
    labels: [],
    unit: "seconds",
  },
  spinkube_build_info: {
    type: "gauge",
    help: "The version of the program.",
    labels: ["version"],
  },
} as const satisfies Readonly<Record<string, Family>>;

/** A family's name. */
export type FamilyName = keyof typeof FAMILIES;
