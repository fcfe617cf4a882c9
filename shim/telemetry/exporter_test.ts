import assert from "node:assert/strict";
import { waitUntil } from "../../tests/support/wait.ts";
import { Exporter } from "./exporter.ts";
import { NotTaken } from "./otlp_client.ts";

/** An exporter of numbers, and what comes of it. */
function createExporter(send: (items: readonly number[]) => Promise<void>, intervalMs = 1) {
  const lines: string[] = [];
  const exporter = new Exporter<number>({
    what: "traces",
    url: "http://c",
    intervalMs,
    send,
    report: (reported) => lines.push(...reported),
  });
  return { exporter, lines };
}

Deno.test("Exporter sends in batches, a full one at once, and the rest at its end", async () => {
  const sizes: number[] = [];
  const { exporter } = createExporter((items) => {
    sizes.push(items.length);
    return Promise.resolve();
  }, 60_000);
  for (let item = 0; item < 1_300; item++) exporter.add(item);
  await waitUntil(() => sizes.length === 2 || undefined, { what: "two batches" });
  await exporter.close(1_000);
  assert.deepEqual(sizes, [512, 512, 276]);
});

Deno.test("Exporter keeps what is not taken for the time being, and tells it once", async () => {
  let isUp = false;
  const taken: number[] = [];
  const { exporter, lines } = createExporter((items) => {
    if (!isUp) return Promise.reject(new NotTaken("refused", { isTemporary: true }));
    taken.push(...items);
    return Promise.resolve();
  });
  for (let item = 0; item < 3_000; item++) exporter.add(item);
  await waitUntil(() => lines.length > 0 || undefined, { what: "a warning" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(lines, [
    "Warning: traces sent to http://c are not taken: refused. Trying again.",
  ]);
  isUp = true;
  await waitUntil(() => taken.length === 2_048 || undefined, { what: "what was kept" });
  assert.deepEqual([...taken].sort((a, b) => a - b), Array.from({ length: 2_048 }, (_, i) => i));
  assert.deepEqual(lines.slice(1), [
    "Warning: 952 of the traces sent to http://c were lost.",
    "traces sent to http://c are taken again.",
  ]);
  await exporter.close(0);
});

Deno.test("Exporter drops what is refused for good", async () => {
  let calls = 0;
  const { exporter, lines } = createExporter(() => {
    calls++;
    return Promise.reject(new NotTaken("it answered with status 400", { isTemporary: false }));
  });
  exporter.add(1);
  await waitUntil(() => calls === 1 || undefined, { what: "the call" });
  await exporter.close(1_000);
  assert.equal(calls, 1);
  assert.equal(lines.length, 1);
});

Deno.test("Exporter.close() waits no longer than it may", async () => {
  const { exporter } = createExporter(() => new Promise(() => {}));
  exporter.add(1);
  const start = performance.now();
  await exporter.close(30);
  assert.ok(performance.now() - start < 1_000);
});
