import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { SpanMessage } from "./otlp_messages.ts";
import type { Sampling } from "./settings.ts";
import type { SpanContext } from "./trace_context.ts";
import { Tracer } from "./tracer.ts";

function createTracer(
  sampling: Sampling = { ratio: 1, followsParent: true },
): { tracer: Tracer; ended: SpanMessage[] } {
  const ended: SpanMessage[] = [];
  return { tracer: new Tracer({ sampling, onEnd: (span) => ended.push(span) }), ended };
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("hex");
}

const CALLER: SpanContext = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  isSampled: true,
  traceState: "a=1",
};

Deno.test("Tracer.run() makes spans within spans, across what is waited for", async () => {
  const { tracer, ended } = createTracer();
  await Promise.all(["a", "b"].map((name) =>
    tracer.run(name, { parent: undefined }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await tracer.run(`${name}/inner`, {}, () => Promise.resolve());
    })
  ));
  assert.deepEqual(ended.map(({ name }) => name).sort(), ["a", "a/inner", "b", "b/inner"]);
  for (const name of ["a", "b"]) {
    const outer = ended.find((span) => span.name === name)!;
    const inner = ended.find((span) => span.name === `${name}/inner`)!;
    assert.equal(hex(inner.parentSpanId), hex(outer.spanId));
    assert.equal(hex(inner.traceId), hex(outer.traceId));
    assert.equal(outer.parentSpanId, undefined);
  }
  assert.equal(tracer.current, undefined);
});

Deno.test("Tracer.run() notes a failure, and passes it on", async () => {
  const { tracer, ended } = createTracer();
  await assert.rejects(
    tracer.run("x", { parent: CALLER }, () => Promise.reject(new Error("why"))),
    /why/,
  );
  assert.deepEqual(ended[0]!.status, { code: 2, message: "why" });
  assert.equal(hex(ended[0]!.parentSpanId), CALLER.spanId);
  assert.equal(ended[0]!.traceState, "a=1");
});

Deno.test("Tracer.current is the span that the guest has begun last", async () => {
  const { tracer } = createTracer();
  await tracer.run("host", {}, (span) => {
    const guest = (spanId: string): SpanContext => ({ ...span.context, spanId });
    tracer.guestStarted(guest("1111111111111111"));
    tracer.guestStarted(guest("2222222222222222"));
    assert.equal(tracer.current!.spanId, "2222222222222222");
    assert.equal(tracer.outer!.spanId, span.context.spanId);
    tracer.guestEnded("1111111111111111");
    assert.equal(tracer.current!.spanId, "2222222222222222");
    tracer.guestEnded("2222222222222222");
    tracer.guestEnded("3333333333333333");
    assert.equal(tracer.current!.spanId, span.context.spanId);
    return Promise.resolve();
  });
});

Deno.test("Tracer samples as it is told, and follows its parent if it shall", () => {
  const unsampled = { ...CALLER, isSampled: false };
  const cases: [sampling: Sampling, parent: SpanContext | undefined, isSampled: boolean][] = [
    [{ ratio: 1, followsParent: true }, undefined, true],
    [{ ratio: 1, followsParent: true }, unsampled, false],
    [{ ratio: 0, followsParent: true }, CALLER, true],
    [{ ratio: 0, followsParent: false }, CALLER, false],
    [{ ratio: 1, followsParent: false }, unsampled, true],
  ];
  for (const [sampling, parent, isSampled] of cases) {
    const { tracer, ended } = createTracer(sampling);
    const span = tracer.start("x", { parent });
    span.end();
    span.end();
    assert.equal(span.context.isSampled, isSampled);
    assert.equal(ended.length, isSampled ? 1 : 0);
  }
  const { tracer, ended } = createTracer({ ratio: 0.25, followsParent: true });
  for (let count = 0; count < 4_000; count++) tracer.start("x", { parent: undefined }).end();
  assert.ok(ended.length > 800 && ended.length < 1_200, `${ended.length} of 4000`);
});
