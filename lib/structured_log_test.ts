import assert from "node:assert/strict";
import { createLog } from "./structured_log.ts";

const TIME = new Date("2026-01-02T03:04:05.678Z");

Deno.test("createLog() writes lines of its level and above, with the fields of its parents", () => {
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    format: "json",
    write: (line) => lines.push(line),
    now: () => TIME,
  });
  const child = log.child({ controller: "spinapp" });
  child.debug("not said");
  child.error("Reconcile failed", { key: "a/b", error: new Error("why") });
  log.level = "debug";
  child.debug("said now");
  log.level = "error";
  child.warn("not said");
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [
    {
      time: TIME.toISOString(),
      level: "error",
      msg: "Reconcile failed",
      controller: "spinapp",
      key: "a/b",
      error: "why",
    },
    { time: TIME.toISOString(), level: "debug", msg: "said now", controller: "spinapp" },
  ]);
});

Deno.test("createLog() writes text for people", () => {
  const lines: string[] = [];
  const log = createLog({
    level: "info",
    format: "console",
    write: (line) => lines.push(line),
    now: () => TIME,
  });
  log.info("Started");
  log.warn("Slow", { ms: 5 });
  assert.deepEqual(lines, [
    "2026-01-02T03:04:05.678Z\tINFO\tStarted",
    '2026-01-02T03:04:05.678Z\tWARN\tSlow\t{"ms":5}',
  ]);
});
