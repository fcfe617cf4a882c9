import assert from "node:assert/strict";
import { formatBytes, showProgress } from "./progress.ts";

for (
  const [count, text] of [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [12_345_678, "12.3 MB"],
    [5e12, "5000.0 GB"],
  ] as const
) {
  Deno.test(`formatBytes() of ${count} is ${text}`, () => assert.equal(formatBytes(count), text));
}

Deno.test("showProgress() draws one line and removes it", () => {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  {
    using progress = showProgress("Pushing", { total: 2000, isTerminal: true, write });
    progress.add(500);
  }
  assert.deepEqual(written, ["\r\x1b[KPushing… 0 B of 2.0 kB", "\r\x1b[K"]);
});

Deno.test("showProgress() writes nothing without a terminal", () => {
  const write = () => assert.fail("something was written");
  using progress = showProgress("Pushing", { total: 1, isTerminal: false, write });
  progress.add(1);
});
