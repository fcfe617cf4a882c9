/**
 * What `runHost` needs beside the app. Plain data that can be posted to a worker: every worker
 * builds its own stores, policies and sinks from it.
 *
 * @module
 */

import type { ReuseLimits } from "../engine/concurrent_instances.ts";
import type { InstanceStrategy } from "../engine/instance_pool.ts";
import type { RuntimeConfig } from "../imports/runtime_config.ts";
import type { TelemetrySettings } from "../telemetry/settings.ts";
import type { LiveAddress } from "./live/live_server.ts";

/** How instances of WASI 0.3 components are reused unless something else is said: as Spin does it. */
export const DEFAULT_REUSE: ReuseLimits = {
  maxCalls: [128, 128],
  maxConcurrentCalls: [16, 16],
  idleMs: [1_000, 1_000],
  callTimeoutMs: undefined,
};

/** Options of {@link runHost}. */
export interface HostOptions {
  /** Where to listen. `port` 0 lets the system choose. */
  readonly listen: { readonly hostname: string; readonly port: number };
  /** Try up to ten ports upward when the port is taken. */
  readonly findFreePort: boolean;
  /** PEM texts; HTTPS with HTTP/2 is served if present. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** How the routes are announced on stdout. */
  readonly announce: "plain" | "json" | "none";
  /** Merged from the file, the flags and the defaults; paths are absolute. */
  readonly runtimeConfig: RuntimeConfig;
  /** Host names of apps that are served beside this one → where they listen. */
  readonly services?: Readonly<
    Record<string, { readonly hostname: string; readonly port: number }>
  >;
  /** `--variable`, in order; the last of a name wins. Highest precedence of all providers. */
  readonly variables: readonly (readonly [string, string])[];
  /** Values of a `.env` file; the process environment wins over them. */
  readonly dotenv: Readonly<Record<string, string>>;
  /** Components whose output goes to the terminal. */
  readonly follow: "all" | "none" | readonly string[];
  readonly truncateLogs: boolean;
  /** Guests may write to their mounted files. */
  readonly allowTransientWrite: boolean;
  /** Prepared components are kept here. */
  readonly cacheDir: string;
  /** Component → directory with its prepared form. These are neither read nor prepared again. */
  readonly prepared?: Readonly<Record<string, string>>;
  /** Isolates that serve; undefined: as many as the CPU limit allows. */
  readonly workers?: number;
  /** Bytes of linear memory one instance may have; undefined: 4 GiB, as Wasm has it. */
  readonly maxInstanceMemory?: number;
  /** How instances are made fresh; `auto` but in tests and benchmarks. */
  readonly instances: InstanceStrategy;
  /** How instances of WASI 0.3 components are reused; undefined: {@link DEFAULT_REUSE}. */
  readonly reuse?: ReuseLimits;
  /** Milliseconds of CPU one request may use; 0: no limit. */
  readonly cpuLimitMs: number;
  /** One isolate serves until it is busy, and then all do. Absent: all do from the beginning. */
  readonly startsWorkersWhenBusy?: boolean;
  /** Milliseconds that requests in flight get to end after a stop signal. */
  readonly graceMs: number;
  /**
   * Milliseconds, part of {@link graceMs}, for which new HTTP requests are served after a stop
   * signal: whoever spreads them over hosts learns of the end later than the host does. It ends
   * earlier if none has come for a second. Absent: none are.
   */
  readonly lingerMs?: number;
  /** Name that the process takes once it serves, for whoever waits for that. Absent: its own. */
  readonly servingName?: string;
  /** Show the cause of a failed request in the response. Never set in production. */
  readonly explainErrors: boolean;
  /** Arguments of the app's commands, after their own names. */
  readonly commandArguments?: readonly string[];
  /** What is recorded, and where it is sent to. Absent: nothing, at no cost. */
  readonly telemetry?: TelemetrySettings;
  /** Where metrics for Prometheus are served. Absent: nowhere, at no cost. */
  readonly metrics?: { readonly hostname: string; readonly port: number };
  /** Where the live page is served. Never in pods. Absent: nowhere, at no cost. */
  readonly livePage?: LiveAddress;
  /** Components may import the experimental interfaces `wasi:otel@0.2.0-rc.2`. Default: no. */
  readonly offersOtel?: boolean;
  /** File to which the host functions that components call are written; see `call_recorder.ts`. */
  readonly recordCalls?: string;
}
