/**
 * When a cron trigger fires. Expressions are those of the original plugin: seconds first, six fields
 * or seven with the year, days of the week from 1 (Sunday) to 7, in UTC.
 *
 * @module
 */

import { Cron } from "croner";
import { errorText, TerminalError } from "../../../lib/errors.ts";

/** Gives the next time after a moment; undefined if there is none any more. */
export type Schedule = (after: Date) => Date | undefined;

/** @throws {TerminalError} naming the trigger, the expression and what is wrong with it. */
export function parseSchedule(expression: string, trigger: string): Schedule {
  const fields = expression.trim().split(/\s+/);
  try {
    if (fields.length < 6 || fields.length > 7) {
      throw new SyntaxError(`it has ${fields.length} fields, there must be six or seven`);
    }
    fields[5] = shiftWeekdays(fields[5]!);
    const cron = new Cron(fields.join(" "), {
      timezone: "UTC",
      paused: true,
      // A day has to fit both the day of the month and the day of the week.
      domAndDow: true,
    });
    return (after) => cron.nextRun(after) ?? undefined;
  } catch (error) {
    throw new TerminalError(
      "InvalidTrigger",
      `cron trigger "${trigger}": cron_expression ${JSON.stringify(expression)} is invalid: ${
        errorText(error)
      }; write "second minute hour day month weekday [year]", for example "*/30 * * * * *"`,
      { cause: error },
    );
  }
}

/** From 1 to 7 beginning on Sunday to 0 to 6. Steps and names stay. */
function shiftWeekdays(field: string): string {
  return field.replace(/(^|[,-])(\d+)/g, (match, before: string, digits: string) => {
    const day = Number(digits);
    if (day < 1 || day > 7) throw new RangeError(`"${match}" is no day of the week, 1 to 7 are`);
    return `${before}${day - 1}`;
  });
}
