import assert from "node:assert/strict";
import { parseSchedule } from "./cron_schedule.ts";

Deno.test("parseSchedule() gives the next time in UTC", () => {
  const after = new Date("2024-02-28T23:59:58Z"); // a Wednesday
  const cases: [expression: string, next: string | undefined][] = [
    ["*/2 * * * * *", "2024-02-29T00:00:00.000Z"],
    ["0 30 9 * * *", "2024-02-29T09:30:00.000Z"],
    // Days of the week begin with 1 on Sunday.
    ["0 0 0 * * 1", "2024-03-03T00:00:00.000Z"],
    ["0 0 0 * * 6-7", "2024-03-01T00:00:00.000Z"],
    ["0 0 0 * * Mon", "2024-03-04T00:00:00.000Z"],
    // Both days have to fit.
    ["0 0 0 13 * 6", "2024-09-13T00:00:00.000Z"],
    ["0 0 0 1 1 * 2026", "2026-01-01T00:00:00.000Z"],
    ["0 0 0 1 1 * 2020", undefined],
  ];
  for (const [expression, next] of cases) {
    assert.equal(parseSchedule(expression, "t")(after)?.toISOString(), next, expression);
  }
});

Deno.test("parseSchedule() says what is wrong", () => {
  const cases: [string, RegExp][] = [
    ["* * * * *", /it has 5 fields, there must be six or seven/],
    ["0 0 0 * * 8", /"8" is no day of the week/],
    ["61 * * * * *", /cron trigger "t": cron_expression "61 \* \* \* \* \*" is invalid/],
  ];
  for (const [expression, message] of cases) {
    assert.throws(() => parseSchedule(expression, "t"), { name: "TerminalError", message });
  }
});
