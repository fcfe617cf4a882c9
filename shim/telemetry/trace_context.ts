/**
 * What identifies a span across processes: the headers of W3C Trace Context.
 *
 * @module
 */

/** Identifies a span. */
export interface SpanContext {
  /** 32 hexadecimal digits, in lower case. */
  readonly traceId: string;
  /** 16 hexadecimal digits, in lower case. */
  readonly spanId: string;
  readonly isSampled: boolean;
  /** The `tracestate` header; empty without. */
  readonly traceState: string;
}

/** No span. */
export const NO_SPAN: SpanContext = {
  traceId: "0".repeat(32),
  spanId: "0".repeat(16),
  isSampled: false,
  traceState: "",
};

/** Version, trace, span and flags; later versions may have more behind them. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * The span that sent a request.
 * @returns undefined if there is no valid `traceparent`.
 */
export function parseTraceContext(
  traceparent: string | null,
  tracestate: string | null,
): SpanContext | undefined {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(traceparent?.trim() ?? "") ??
    [];
  if (!version || !traceId || !spanId || !flags || version === "ff") return undefined;
  if (version === "00" && more !== undefined) return undefined;
  if (traceId === NO_SPAN.traceId || spanId === NO_SPAN.spanId) return undefined;
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
  return { traceId, spanId, isSampled, traceState: tracestate?.trim() ?? "" };
}

/** The headers that tell a receiver of the span it is asked by. */
export function traceHeaders(context: SpanContext): [name: string, value: string][] {
  const flags = context.isSampled ? "01" : "00";
  const headers: [string, string][] = [
    ["traceparent", `00-${context.traceId}-${context.spanId}-${flags}`],
  ];
  if (context.traceState !== "") headers.push(["tracestate", context.traceState]);
  return headers;
}
