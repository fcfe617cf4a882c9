/**
 * Spans of the host, and which of them is current in the code that runs.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { type Attributes, type AttributeValue, keyValues } from "./attributes.ts";
import type { SpanMessage } from "./otlp_messages.ts";
import type { Sampling } from "./settings.ts";
import { nowNanos } from "./time.ts";
import { NO_SPAN, type SpanContext } from "./trace_context.ts";

/** `SpanKind` of the protocol. */
const KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

/** What a span is to its parent. */
export type SpanKind = keyof typeof KINDS;

/** How a span begins. */
export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Default: the current span. */
  readonly parent?: SpanContext | undefined;
}

/** What goes on: a span of the host, and those that the guest has begun in it. */
interface Activity {
  readonly span: SpanContext;
  readonly guestSpans: SpanContext[];
}

/** Flag of the protocol: the other bits of the trace's flags are known. */
const SAMPLED = 1;

/** Begins spans. */
export class Tracer {
  readonly #sampling: Sampling;
  readonly #onEnd: (span: SpanMessage) => void;
  readonly #activities = new AsyncLocalStorage<Activity>();

  /** @param options.onEnd Gets every span that is sampled, when it has ended. */
  constructor(options: { sampling: Sampling; onEnd: (span: SpanMessage) => void }) {
    this.#sampling = options.sampling;
    this.#onEnd = options.onEnd;
  }

  /** The span of the host in which the code runs. */
  get outer(): SpanContext | undefined {
    return this.#activities.getStore()?.span;
  }

  /** The parent of what begins now: the span of the guest that it has begun last, or the host's. */
  get current(): SpanContext | undefined {
    const activity = this.#activities.getStore();
    return activity?.guestSpans.at(-1) ?? activity?.span;
  }

  /** Begins a span. Whoever began it ends it. */
  start(name: string, options: SpanOptions = {}): Span {
    const parent = "parent" in options ? options.parent : this.current;
    const traceId = parent?.traceId ?? randomHex(16);
    const context: SpanContext = {
      traceId,
      spanId: randomHex(8),
      isSampled: this.#isSampled(traceId, parent),
      traceState: parent?.traceState ?? "",
    };
    return new Span(name, {
      context,
      parent,
      kind: options.kind ?? "internal",
      attributes: { ...options.attributes },
      onEnd: this.#onEnd,
    });
  }

  /** Runs `action`, and all that it begins, in a span. */
  within<T>(span: SpanContext, action: () => T): T {
    return this.#activities.run({ span, guestSpans: [] }, action);
  }

  /**
   * Runs `action` in a new span, which ends when the result is there. A failure is noted in it.
   * @param action Gets the span, for what is known later.
   */
  async run<T>(
    name: string,
    options: SpanOptions,
    action: (span: Span) => Promise<T>,
  ): Promise<T> {
    const span = this.start(name, options);
    try {
      return await this.within(span.context, () => action(span));
    } catch (error) {
      span.fail(error);
      throw error;
    } finally {
      span.end();
    }
  }

  /** Remembers in which span the code runs. @returns What makes it so again, where it is called. */
  capture(): () => void {
    const activity = this.#activities.getStore();
    return () => this.#activities.enterWith(activity as Activity);
  }

  /** A guest has begun a span. */
  guestStarted(context: SpanContext): void {
    this.#activities.getStore()?.guestSpans.push(context);
  }

  /** A guest has ended a span. */
  guestEnded(spanId: string): void {
    const spans = this.#activities.getStore()?.guestSpans ?? [];
    const index = spans.findLastIndex((context) => context.spanId === spanId);
    if (index >= 0) spans.splice(index, 1);
  }

  #isSampled(traceId: string, parent: SpanContext | undefined): boolean {
    const { ratio, followsParent } = this.#sampling;
    if (parent && followsParent) return parent.isSampled;
    if (ratio >= 1) return true;
    // The last 56 bits are the random ones: all services decide alike on one trace.
    return Number.parseInt(traceId.slice(-13), 16) < ratio * 2 ** 52;
  }
}

/** A span that goes on. */
export class Span {
  readonly context: SpanContext;
  readonly #parent: SpanContext | undefined;
  readonly #kind: SpanKind;
  readonly #onEnd: (span: SpanMessage) => void;
  readonly #attributes: Record<string, AttributeValue | undefined>;
  readonly #startNanos = nowNanos();
  #name: string;
  #failure: string | undefined;
  #isOver = false;

  /** Made by {@link Tracer.start}. */
  constructor(
    name: string,
    options: {
      context: SpanContext;
      parent: SpanContext | undefined;
      kind: SpanKind;
      attributes: Record<string, AttributeValue | undefined>;
      onEnd: (span: SpanMessage) => void;
    },
  ) {
    this.#name = name;
    this.context = options.context;
    this.#parent = options.parent;
    this.#kind = options.kind;
    this.#attributes = options.attributes;
    this.#onEnd = options.onEnd;
  }

  rename(name: string): void {
    this.#name = name;
  }

  set(name: string, value: AttributeValue | undefined): void {
    this.#attributes[name] = value;
  }

  /** Notes that it did not end well. */
  fail(reason: unknown): void {
    this.#failure = reason instanceof Error ? reason.message : String(reason);
  }

  /** The second time it does nothing. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.context.isSampled) return;
    const { traceId, spanId, traceState } = this.context;
    this.#onEnd({
      traceId: fromHex(traceId),
      spanId: fromHex(spanId),
      traceState,
      ...(this.#parent ? { parentSpanId: fromHex(this.#parent.spanId) } : {}),
      name: this.#name,
      kind: KINDS[this.#kind],
      startTimeUnixNano: this.#startNanos,
      endTimeUnixNano: nowNanos(),
      attributes: keyValues(this.#attributes),
      status: this.#failure === undefined ? {} : { code: 2, message: this.#failure },
      flags: SAMPLED,
    });
  }
}

/** The bytes of an identifier; none if it is empty or no identifier of a span. */
export function fromHex(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})+$/i.test(text) || NO_SPAN.traceId.startsWith(text)) {
    return new Uint8Array();
  }
  return Uint8Array.fromHex(text);
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
