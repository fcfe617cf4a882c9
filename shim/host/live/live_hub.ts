/**
 * Everything the live page shows, of all isolates.
 *
 * @module
 */

import {
  type ComponentNumbers,
  type LiveReport,
  type LiveRequest,
  type LiveSource,
  type LogLine,
  MAX_LINES,
  MAX_REQUESTS,
} from "./live_report.ts";
import type { AppSummary } from "./app_summary.ts";
import { Ring } from "./ring.ts";

/** Milliseconds that {@link LiveHub.collect} waits for isolates in which a guest computes. */
const COLLECT_MS = 300;
/** Milliseconds between two looks, while somebody looks at all. */
const TICK_MS = 200;

/** How the app is. */
export interface LiveStatus {
  /** What is going on. `failed`: the last change does not work. */
  readonly phase: "building" | "loading" | "serving" | "failed";
  /** Whether requests are answered by an app, if only by the one that worked last. */
  readonly isServing: boolean;
  /** What is wrong, with what the build has written. */
  readonly problem?: string;
  /** How often another version of the app was loaded, and how many milliseconds the last one took. */
  readonly reloads: number;
  readonly lastReloadMs?: number;
  /** Milliseconds since 1970. */
  readonly changedAt: number;
}

/** How everything stands. */
export interface LiveState {
  /** Undefined until an app is loaded. */
  readonly app: AppSummary | undefined;
  readonly status: LiveStatus;
  /** Since the start, in milliseconds. */
  readonly uptimeMs: number;
  readonly isolates: number;
  readonly requestCount: number;
  readonly inFlight: number;
  /** Bytes: of the process, of the JavaScript heaps, and what instances are charged with. */
  readonly memory: {
    readonly residentBytes: number;
    readonly heapBytes: number;
    readonly instanceBytes: number;
  };
  readonly components: readonly ComponentNumbers[];
}

/**
 * Asks the isolates while somebody looks; otherwise it does nothing, and they keep the last of what
 * they have to tell.
 */
export class LiveHub {
  /** The last requests and lines, of all isolates. */
  readonly requests = new Ring<LiveRequest>(MAX_REQUESTS);
  readonly lines = new Ring<LogLine>(MAX_LINES);
  readonly #groups = new Set<() => readonly LiveSource[]>();
  readonly #reports = new Map<LiveSource, LiveReport>();
  readonly #asking = new Map<LiveSource, Promise<void>>();
  readonly #watchers = new Set<() => void>();
  /** What isolates have told, and is not in the rings yet. */
  #untold: { requests: LiveRequest[]; lines: LogLine[] } = { requests: [], lines: [] };
  readonly #startedAt = performance.now();
  #app: AppSummary | undefined;
  #status: LiveStatus = { phase: "loading", isServing: false, reloads: 0, changedAt: Date.now() };
  #requestCount = 0;
  #timer: ReturnType<typeof setInterval> | undefined;
  #version = 0;

  /** Changes whenever the app or its status does. */
  get version(): number {
    return this.#version;
  }

  /** @param sources Tells which isolates there are, each time that they are asked. */
  addSources(sources: () => readonly LiveSource[]): void {
    this.#groups.add(sources);
  }

  /** An app serves: the first one, or another version of it. */
  setApp(app: AppSummary, options: { loadMs?: number } = {}): void {
    const { loadMs } = options;
    const isReload = this.#app !== undefined;
    this.#app = app;
    this.#setStatus({
      phase: "serving",
      isServing: true,
      reloads: this.#status.reloads + (isReload ? 1 : 0),
      ...(loadMs === undefined || !isReload ? {} : { lastReloadMs: loadMs }),
    });
  }

  /** Something goes on; what served before still does. */
  setPhase(phase: "building" | "loading"): void {
    const { problem: _over, ...status } = this.#status;
    this.#setStatus({ ...status, phase });
  }

  /** The last change does not work; what served before still does. */
  setProblem(problem: string): void {
    this.#setStatus({ ...this.#status, phase: "failed", problem });
  }

  #setStatus(status: Omit<LiveStatus, "changedAt">): void {
    this.#status = { ...status, changedAt: Date.now() };
    this.#version++;
    for (const watcher of this.#watchers) watcher();
  }

  /** Takes what isolates have to tell; of those that do not answer soon, the next time. */
  async collect(): Promise<void> {
    const sources = [...this.#groups].flatMap((group) => group());
    for (const source of this.#reports.keys()) {
      if (!sources.includes(source)) this.#reports.delete(source);
    }
    const asking = sources.map((source) => this.#asking.get(source) ?? this.#ask(source));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, COLLECT_MS));
    await Promise.race([Promise.all(asking), late]);
    clearTimeout(timer);
    this.#merge();
  }

  /** Isolates tell of the same time one after the other. */
  #merge(): void {
    const { requests, lines } = this.#untold;
    this.#untold = { requests: [], lines: [] };
    for (const request of requests.sort((a, b) => endOf(a) - endOf(b))) this.requests.push(request);
    for (const line of lines.sort((a, b) => a.at - b.at)) this.lines.push(line);
  }

  #ask(source: LiveSource): Promise<void> {
    const asked = this.#take(source).finally(() => this.#asking.delete(source));
    this.#asking.set(source, asked);
    return asked;
  }

  async #take(source: LiveSource): Promise<void> {
    const report = await source.take();
    if (!report) return;
    this.#reports.set(source, report);
    this.#requestCount += report.requestCount;
    this.#untold.requests.push(...report.requests);
    this.#untold.lines.push(...report.lines);
  }

  /** How everything stood when the isolates were asked the last time. */
  state(): LiveState {
    const reports = [...this.#reports.values()];
    const components = sumByComponent(reports.flatMap((report) => report.components));
    return {
      app: this.#app,
      status: this.#status,
      uptimeMs: Math.round(performance.now() - this.#startedAt),
      isolates: reports.length,
      requestCount: this.#requestCount,
      inFlight: sum(reports, ({ inFlight }) => inFlight),
      memory: {
        residentBytes: Deno.memoryUsage().rss,
        heapBytes: sum(reports, ({ heapBytes }) => heapBytes),
        instanceBytes: sum(components, ({ bytes }) => bytes),
      },
      components,
    };
  }

  /**
   * Calls `watcher` again and again, each time after the isolates have been asked, and when the
   * status changes.
   * @returns ends that.
   */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    this.#timer ??= setInterval(() => void this.#tick(), TICK_MS);
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  async #tick(): Promise<void> {
    await this.collect();
    for (const watcher of this.#watchers) watcher();
  }
}

function sumByComponent(all: readonly ComponentNumbers[]): ComponentNumbers[] {
  const sums = new Map<string, ComponentNumbers>();
  for (const one of all) {
    const before = sums.get(one.id);
    sums.set(
      one.id,
      before === undefined ? one : {
        id: one.id,
        strategy: one.strategy,
        live: before.live + one.live,
        idle: before.idle + one.idle,
        created: before.created + one.created,
        rewound: before.rewound + one.rewound,
        dropped: before.dropped + one.dropped,
        bytes: before.bytes + one.bytes,
      },
    );
  }
  return [...sums.values()];
}

function endOf({ at, durationMs }: LiveRequest): number {
  return at + durationMs;
}

function sum<T>(items: readonly T[], numberOf: (item: T) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}
