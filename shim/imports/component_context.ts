/**
 * What a host interface may know of the component that calls it. The host makes one context per
 * component and isolate; the interface files build their functions on it.
 *
 * @module
 */

import type { ResourceMetrics, Scope, SpanMessage } from "../telemetry/otlp_messages.ts";
import type { ScopedLog } from "../telemetry/telemetry.ts";
import type { SpanContext } from "../telemetry/trace_context.ts";
import type { OutboundHttpRequest, OutboundHttpResponse } from "./outbound_http.ts";

/** The functions and resource classes of each interface, by interface key (see `link.ts`). */
export type ImportObject = Record<string, Record<string, unknown>>;

/** Receives a guest's output. Never blocks and never throws: what cannot be written is counted. */
export interface LogSink {
  /** `bytes` is a copy that the sink may keep. */
  write(bytes: Uint8Array): void;
}

/** A directory (or single file) the guest sees. */
export interface Mount {
  /** Absolute path on the host. */
  readonly hostPath: string;
  /** Path the guest sees, beginning with `/`. */
  readonly guestPath: string;
  readonly writable: boolean;
}

/** What a connection is used for. */
export type ConnectionKind = "http" | "socket" | "redis" | "mqtt" | "mysql" | "postgres";

/** Decides which network destinations a component may reach. */
export interface OutboundPolicy {
  /**
   * Whether `url` (`scheme://host[:port]`, or a URL without a scheme, which then gets
   * `defaultScheme`) is allowed. A refusal has been reported to the user when this returns.
   */
  check(url: string, defaultScheme: string): boolean | Promise<boolean>;
  /** Whether a request to the app itself (relative URL, or host `self.alt`) is allowed. */
  checkSelf(): boolean | Promise<boolean>;
  /** Whether the operator's `block_networks` forbids this resolved IP address. */
  isBlocked(ip: string): boolean;
  /** Whether name lookup of `host` is covered by some allowed host (any scheme and port). */
  mayResolve(host: string): boolean | Promise<boolean>;
  /**
   * Tells the policy what a name that {@link mayResolve} was resolved to: from then on {@link check}
   * treats these addresses as the name, on the schemes and ports that the name's entries allow.
   */
  admit?(host: string, addresses: readonly string[]): void;
  /**
   * Counts a connection against the operator's limits; undefined if there is no room for one more.
   * Whoever opens the connection calls the returned function once, when it is closed. Without this
   * method there is no limit.
   */
  openConnection?(kind: ConnectionKind): (() => void) | undefined;
  /** Whether outbound HTTP keeps connections for the next request; absent means yes. */
  readonly keepsConnections?: boolean;
  /**
   * Whom HTTPS to `hostname` (without brackets) trusts, and what it shows; undefined: as usual.
   * Equal settings are the same object.
   */
  tlsFor?(hostname: string): ClientTls | undefined;
  /**
   * Where plain HTTP to port 80 of `hostname` goes on this machine, if it is the Service of an app that
   * is served beside this one.
   */
  serviceFor?(hostname: string): { readonly hostname: string; readonly port: number } | undefined;
}

/** What an operator decided about the TLS of HTTPS requests. */
export interface ClientTls {
  /** PEM of the only certificates that are trusted, one each. */
  readonly roots: readonly string[];
  /** PEM of the client's certificate chain and private key. */
  readonly identity?: { readonly certificate: string; readonly privateKey: string };
}

/** An error of the variables interfaces; `kind` is the variant's case. */
export class VariableError extends Error {
  override readonly name = "VariableError";
  readonly kind: "invalid-name" | "undefined" | "provider" | "other";

  constructor(kind: VariableError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** A component's variables. */
export interface VariableSource {
  /** @throws {VariableError} synchronously or by rejection. */
  get(name: string): string | Promise<string>;
  /** The names of all variables of the component. */
  names(): readonly string[];
}

/** One key-value store; all components and instances that open a label see the same data. */
export interface KeyValueStore {
  get(key: string): MaybePromise<Uint8Array | undefined>;
  set(key: string, value: Uint8Array): MaybePromise<void>;
  delete(key: string): MaybePromise<void>;
  exists(key: string): MaybePromise<boolean>;
  keys(): MaybePromise<string[]>;
  /** The values of `keys`, in their order. Without this method they are read one after the other. */
  getMany?(keys: readonly string[]): MaybePromise<(Uint8Array | undefined)[]>;
  /**
   * Sets all entries or, if it fails, none; the last of a key wins. Stores without transactions
   * (DynamoDB's batches, Cosmos DB) may have set some.
   */
  setMany?(entries: readonly (readonly [string, Uint8Array])[]): MaybePromise<void>;
  /** Deletes all `keys` or, if it fails, none, with the same exceptions. */
  deleteMany?(keys: readonly string[]): MaybePromise<void>;
  /**
   * Adds `delta` to the number under `key`, as one step; a missing one counts as 0. Numbers are s64,
   * kept in Spin's form: in SQLite eight bytes, the lowest first; elsewhere decimal digits.
   * @returns The sum.
   * @throws {Error} if the value is no such number, or the sum is none.
   */
  increment?(key: string, delta: bigint): MaybePromise<bigint>;
  /**
   * Sets `key` to `value` if its value is `expected` (undefined: if there is none), as one step.
   * @returns Whether it has been set.
   */
  compareAndSwap?(
    key: string,
    options: { readonly expected: Uint8Array | undefined; readonly value: Uint8Array },
  ): MaybePromise<boolean>;
}

/** One SQLite database. */
export interface SqliteDatabase {
  /** Opens a connection; the caller closes it. */
  connect(): MaybePromise<SqliteConnection>;
}

/** A SQL value: s64, f64, text, blob or null. Integers are always bigint, reals always number. */
export type SqlValue = bigint | number | string | Uint8Array | null;

/** An open connection to one SQLite database. */
export interface SqliteConnection {
  /** Runs the first statement of `sql`. @throws {Error} with SQLite's message. */
  execute(sql: string, parameters: SqlValue[]): MaybePromise<{
    columns: string[];
    rows: SqlValue[][];
  }>;
  lastInsertRowid(): MaybePromise<bigint>;
  changes(): MaybePromise<bigint>;
  close(): void;
}

/** A value now, or later. Return the value itself where possible: suspending a guest costs time. */
export type MaybePromise<T> = T | Promise<T>;

/** A request from one component of an app to another. */
export interface InternalRequest {
  readonly method: string;
  /** `<component>.spin.internal`, as the caller wrote it. */
  readonly authority: string;
  readonly pathWithQuery: string;
  /** Values as strings of code points below 256; repeated names stay apart. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: ReadableStream<Uint8Array> | undefined;
  /** Fires when the caller does not want the response any more. */
  readonly signal: AbortSignal;
}

/** Delivers a request of the guest to the app itself or to another component of it. */
export interface InternalRequests {
  /** Service chaining: the component called `id`, or undefined if there is none with an HTTP trigger. */
  component(id: string): ((request: InternalRequest) => Promise<Response>) | undefined;
  /** Base URL of the app's own listener, `http://127.0.0.1:3000`. */
  selfUrl(): string;
}

/** Where a component's telemetry goes. What it does never fails. */
export interface ComponentTelemetry {
  /**
   * Has a request of the guest sent, perhaps with other headers. Absent if there are no traces.
   */
  readonly traceRequest?: (
    request: OutboundHttpRequest,
    send: (request: OutboundHttpRequest) => Promise<OutboundHttpResponse>,
  ) => Promise<OutboundHttpResponse>;
  /** The span of the host in which the guest runs, or one whose identifiers are zero. */
  outerSpan(): SpanContext;
  /** What the guest has the host do belongs to this span, until it has ended. */
  spanStarted(context: SpanContext): void;
  /** Records a span of the guest, unless it is not sampled. */
  spanEnded(
    span: SpanMessage,
    options: { readonly spanId: string; readonly isSampled: boolean; readonly scope: Scope },
  ): void;
  addMetrics(metrics: ResourceMetrics): void;
  addLog(log: ScopedLog): void;
}

/** Everything the interfaces of one component need. Shared by all instances of the component. */
export interface ComponentContext {
  readonly id: string;
  readonly environment: readonly (readonly [string, string])[];
  readonly arguments: readonly string[];
  readonly mounts: readonly Mount[];
  readonly stdout: LogSink;
  readonly stderr: LogSink;
  readonly outbound: OutboundPolicy;
  readonly variables: VariableSource;
  /** Labels of the manifest; a label not in here is access-denied. */
  readonly keyValueLabels: readonly string[];
  /** Undefined if the label is not configured (no-such-store). */
  keyValueStore(label: string): KeyValueStore | undefined;
  readonly sqliteLabels: readonly string[];
  /** Undefined if the label is not configured (no-such-database). */
  sqliteDatabase(label: string): SqliteDatabase | undefined;
  /** Models of the manifest; any other is refused. */
  readonly aiModels: readonly string[];
  readonly internal: InternalRequests;
  /** Absent if nothing is recorded. */
  readonly telemetry?: ComponentTelemetry;
}
