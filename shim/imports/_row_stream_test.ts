import assert from "node:assert/strict";
import { RowQueue } from "./_row_stream.ts";

/** A queue, what it told its server, and the guest's end of it. */
function createQueue(maxBytes = 10 << 20) {
  const told: string[] = [];
  const queue = new RowQueue<number>(maxBytes);
  queue.connect({ pause: () => told.push("pause"), resume: () => told.push("resume") });
  const [rows, end] = queue.read((row) => {
    if (row < 0) throw new Error(`no ${row}`);
    return String(row);
  }, (error) => (error as Error).message);
  const iterator = (rows as AsyncIterable<string>)[Symbol.asyncIterator]();
  return { queue, told, iterator, end };
}

const MIB = 1 << 20;

Deno.test("RowQueue gives the rows in their order, and their end", async () => {
  const { queue, iterator, end } = createQueue();
  const first = iterator.next();
  queue.push(1, 8);
  queue.push(2, 8);
  queue.end();
  assert.deepEqual(await first, { done: false, value: "1" });
  assert.deepEqual(await iterator.next(), { done: false, value: "2" });
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  assert.deepEqual(await end, { tag: "ok", val: undefined });
});

Deno.test("RowQueue ends with what the statement or a row failed with, after the good rows", async () => {
  const cases: [fail: (queue: RowQueue<number>) => void, message: string][] = [
    [(queue) => queue.end(new Error("lost")), "lost"],
    [(queue) => queue.push(-1, 8), "no -1"],
  ];
  for (const [fail, message] of cases) {
    const { queue, iterator, end } = createQueue();
    queue.push(1, 8);
    fail(queue);
    assert.equal((await iterator.next()).value, "1");
    assert.equal((await iterator.next()).done, true);
    assert.deepEqual(await end, { tag: "err", val: message });
  }
});

Deno.test("RowQueue.hasFirst() throws what fails before the first row, and nothing later", async () => {
  const failed = new RowQueue<number>(100);
  failed.end(new Error("refused"));
  await assert.rejects(failed.hasFirst(), /refused/);
  const empty = new RowQueue<number>(100);
  empty.end();
  assert.equal(await empty.hasFirst(), false);
  const late = new RowQueue<number>(100);
  late.push(1, 1);
  late.end(new Error("lost"));
  assert.equal(await late.hasFirst(), true);
});

Deno.test("RowQueue holds the server back while rows wait, and no longer than that", async () => {
  const { queue, told, iterator } = createQueue();
  queue.push(1, MIB);
  assert.deepEqual(told, []);
  queue.push(2, MIB);
  assert.deepEqual(told, ["pause"]);
  await iterator.next();
  assert.deepEqual(told, ["pause", "resume"]);
});

Deno.test("RowQueue lets the server go on for whoever waits for it", async () => {
  const cases: Record<string, (queue: RowQueue<number>) => void> = {
    "another statement": (queue) => queue.unbind(),
    "a guest that wants no more": (queue) => queue.drop(),
    "the next user of the connection": (queue) => queue.end(),
  };
  for (const [name, happen] of Object.entries(cases)) {
    const { queue, told } = createQueue();
    queue.push(1, 2 * MIB);
    happen(queue);
    assert.deepEqual(told, ["pause", "resume"], name);
  }
  // What is over tells the server nothing.
  const { queue, told, iterator } = createQueue();
  queue.push(1, 2 * MIB);
  queue.end();
  await iterator.next();
  assert.deepEqual(told, ["pause", "resume"]);
});

Deno.test("RowQueue takes no row, and no rows at once, above the limit", () => {
  const text = /query result exceeds limit of 100 bytes/;
  assert.throws(() => new RowQueue<number>(100).push(1, 101), text);
  const queue = new RowQueue<number>(100);
  queue.push(1, 100);
  assert.throws(() => queue.push(2, 1), text);
});

Deno.test("RowQueue tells that its rows are not wanted, unless they are over", async () => {
  const { queue, iterator, end } = createQueue();
  let count = 0;
  queue.onDropped(() => count++);
  queue.push(1, 8);
  await iterator.return!();
  assert.equal(count, 1);
  assert.equal(queue.isDropped, true);
  assert.deepEqual(await end, { tag: "ok", val: undefined });
  queue.push(2, 8);
  const over = createQueue();
  over.queue.onDropped(() => count++);
  over.queue.end();
  await over.iterator.return!();
  assert.equal(count, 1);
});
