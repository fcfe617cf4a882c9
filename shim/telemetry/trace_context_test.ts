import assert from "node:assert/strict";
import { parseTraceContext, traceHeaders } from "./trace_context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

Deno.test("parseTraceContext() takes what the W3C's specification does", () => {
  const cases: [traceparent: string | null, isSampled: boolean | undefined][] = [
    [`00-${TRACE}-${SPAN}-01`, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    [`00-${TRACE}-${SPAN}-03`, true],
    [`01-${TRACE}-${SPAN}-01-later`, true],
    [`00-${TRACE}-${SPAN}-01-more`, undefined],
    [`ff-${TRACE}-${SPAN}-01`, undefined],
    [`00-${TRACE.toUpperCase()}-${SPAN}-01`, undefined],
    [`00-${"0".repeat(32)}-${SPAN}-01`, undefined],
    [`00-${TRACE}-${"0".repeat(16)}-01`, undefined],
    [`00-${TRACE}-${SPAN}`, undefined],
    ["", undefined],
    [null, undefined],
  ];
  for (const [traceparent, isSampled] of cases) {
    const context = parseTraceContext(traceparent, "a=1");
    assert.equal(context?.isSampled, isSampled, String(traceparent));
    if (context) assert.deepEqual([context.traceId, context.spanId], [TRACE, SPAN]);
  }
});

Deno.test("traceHeaders() gives back what parseTraceContext() has read", () => {
  for (const [flags, state] of [["01", "a=1,b=2"], ["00", ""]] as const) {
    const headers = traceHeaders(parseTraceContext(`00-${TRACE}-${SPAN}-${flags}`, state)!);
    assert.deepEqual(headers, [
      ["traceparent", `00-${TRACE}-${SPAN}-${flags}`],
      ...(state === "" ? [] : [["tracestate", state]]),
    ]);
  }
});
