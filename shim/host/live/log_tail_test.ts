import assert from "node:assert/strict";
import { LogTail, shorten } from "./log_tail.ts";
import { MAX_LINES } from "./live_report.ts";

const encoder = new TextEncoder();

/** A tail on a clock of its own. */
function createTail(): { tail: LogTail; pass(ms: number): void; write(text: string): void } {
  let now = 1_000;
  const tail = new LogTail(() => now);
  return {
    tail,
    pass: (ms) => now += ms,
    write: (text) => tail.push("c", "stdout", encoder.encode(text)),
  };
}

function texts(tail: LogTail): string[] {
  return tail.takeLines().map(({ text }) => text);
}

Deno.test("takeLines() makes lines of pieces, and gives each once", () => {
  const { tail, write, pass } = createTail();
  write("on");
  pass(10);
  write("e\ntwo\r\nth");
  assert.deepEqual(tail.takeLines(), [
    { at: 1_000, component: "c", stream: "stdout", text: "one" },
    { at: 1_010, component: "c", stream: "stdout", text: "two" },
  ]);
  assert.deepEqual(texts(tail), []);
  write("ree\n");
  assert.deepEqual(texts(tail), ["three"]);
});

Deno.test("takeLines() keeps streams and components apart", () => {
  const { tail } = createTail();
  tail.push("a", "stdout", encoder.encode("a out"));
  tail.push("a", "stderr", encoder.encode("a err\n"));
  tail.push("b", "stdout", encoder.encode("b out\n"));
  tail.push("a", "stdout", encoder.encode("put\n"));
  assert.deepEqual(
    tail.takeLines().map(({ component, stream, text }) => [component, stream, text]),
    [["a", "stderr", "a err"], ["b", "stdout", "b out"], ["a", "stdout", "a output"]],
  );
});

Deno.test("takeLines() shows a line without its end after a while", () => {
  const { tail, write, pass } = createTail();
  write("prompt> ");
  assert.deepEqual(texts(tail), []);
  pass(300);
  assert.deepEqual(texts(tail), ["prompt> "]);
  pass(300);
  assert.deepEqual(texts(tail), []);
});

Deno.test("takeLines() joins characters that were cut in two, and replaces what is none", () => {
  const { tail } = createTail();
  const bytes = encoder.encode("ü\n");
  tail.push("c", "stdout", bytes.slice(0, 1));
  tail.push("c", "stdout", bytes.slice(1));
  tail.push("c", "stdout", new Uint8Array([0xff, 10]));
  assert.deepEqual(texts(tail), ["ü", "\uFFFD"]);
});

Deno.test("takeLines() leaves markup as it is and takes colours out", () => {
  const { tail, write } = createTail();
  write("\x1b[31m<script>alert(1)</script>\x1b[0m\n");
  assert.deepEqual(texts(tail), ["<script>alert(1)</script>"]);
});

Deno.test("takeLines() cuts lines without end", () => {
  const { tail, write } = createTail();
  write("x".repeat(5_000));
  const lines = texts(tail);
  assert.equal(lines.length, 1);
  assert.equal(lines[0]!.length, 2_001);
  assert.deepEqual(texts(tail), []);
});

Deno.test("push() gives up the oldest when nobody asks, and says how much", () => {
  const { tail, write } = createTail();
  for (let i = 0; i < 100; i++) write(`${i} ${"x".repeat(10_000)}\n`);
  const lines = texts(tail);
  assert.match(lines[0]!, /^7\d{5} bytes of output are left out$/);
  assert.ok(lines.length < 30, `${lines.length} lines`);
  assert.match(lines.at(-1)!, /^99 x/);
});

Deno.test("push() gives up pieces if they are many", () => {
  const { tail, write } = createTail();
  for (let i = 0; i < 10_000; i++) write(`${i}\n`);
  const lines = texts(tail);
  assert.equal(lines.length, MAX_LINES);
  assert.equal(lines.at(-1), "9999");
});

Deno.test("shorten() marks what is cut off", () => {
  assert.equal(shorten("abc", 3), "abc");
  assert.equal(shorten("abcd", 3), "abc…");
});
