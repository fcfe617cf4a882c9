/**
 * What isolates tell the live page. Plain data: workers post it.
 *
 * @module
 */

/** Requests and lines of logs that are kept: what a page shows that is opened late. */
export const MAX_REQUESTS = 200;
/** The same for lines of logs. */
export const MAX_LINES = 500;

/** How a request got its instance: rewound after another request, made for it, or one of many in it. */
export type InstanceUse = "reused" | "new" | "shared";

/** A request, or a message of another trigger, that has been answered. */
export interface LiveRequest {
  /** When it came, in milliseconds since 1970. */
  readonly at: number;
  /** The method, or the type of the trigger: `redis`. */
  readonly method: string;
  /** Path and query, or the channel of the message; shortened if it is long. */
  readonly path: string;
  /** Empty if no component was asked. */
  readonly component: string;
  /** The HTTP status; of a message `ok` or `error`. */
  readonly status: string;
  /** Milliseconds until the response could be sent, if only its beginning, or to the end of the message. */
  readonly durationMs: number;
  /** Length of the response's body, if it was whole when it was sent. */
  readonly bytes?: number;
  /** Absent if no component was asked, and of messages. */
  readonly instance?: InstanceUse;
}

/** One line of a component's output, or of the host's own. */
export interface LogLine {
  /** When it was written, in milliseconds since 1970. */
  readonly at: number;
  /** Empty for the host. */
  readonly component: string;
  readonly stream: "stdout" | "stderr" | "host";
  /** Without its end, and without colours. */
  readonly text: string;
}

/** Instances of one component. */
export interface ComponentNumbers {
  readonly id: string;
  /** How they are made fresh: `copy`, `copy-on-write`, `fresh`; `shared` for those of WASI 0.3. */
  readonly strategy: string;
  readonly live: number;
  readonly idle: number;
  /** Made, rewound and dropped since the start. */
  readonly created: number;
  readonly rewound: number;
  readonly dropped: number;
  /** Bytes that the live ones are charged with. */
  readonly bytes: number;
}

/** What one isolate has to tell since it was asked the last time, and how it stands now. */
export interface LiveReport {
  readonly requests: readonly LiveRequest[];
  /** Requests since the last time; more than are told of, if they were many. */
  readonly requestCount: number;
  readonly lines: readonly LogLine[];
  readonly inFlight: number;
  readonly heapBytes: number;
  readonly components: readonly ComponentNumbers[];
}

/** An isolate that can be asked. The same object stands for the same isolate. */
export interface LiveSource {
  /** @returns undefined if the isolate has ended. */
  take(): LiveReport | Promise<LiveReport | undefined>;
}
