import assert from "node:assert/strict";
import { retryWhileBusy } from "./sqlite_file.ts";

function locked(errcode?: number): Error {
  return Object.assign(new Error("database is locked"), errcode === undefined ? {} : { errcode });
}

Deno.test("retryWhileBusy() waits for locks that will be given back", async (t) => {
  const cases: Record<string, number | undefined> = {
    "a statement of another connection": 5,
    "another connection that mends the file after a crash": 261,
    "an error without a code": undefined,
  };
  for (const [name, code] of Object.entries(cases)) {
    await t.step(name, async () => {
      let left = 3;
      const result = await retryWhileBusy(() => {
        if (left-- > 0) throw locked(code);
        return "done";
      });
      assert.equal(result, "done");
    });
  }
});

Deno.test("retryWhileBusy() gives up what cannot be waited out", () => {
  // SQLITE_BUSY_SNAPSHOT: what the transaction has read is out of date, whoever waits for how long.
  assert.throws(() =>
    retryWhileBusy(() => {
      throw locked(517);
    }), { message: "database is locked" });
  assert.throws(() =>
    retryWhileBusy(() => {
      throw new Error("no such table: x");
    }), { message: "no such table: x" });
});

Deno.test("retryWhileBusy() gives up when its time is over", async () => {
  const result = retryWhileBusy(() => {
    throw locked(5);
  }, { timeoutMs: 20 });
  await assert.rejects(async () => await result, { message: "database is locked" });
});
