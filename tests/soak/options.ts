/**
 * The command line of the soak.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { errorText, UsageError } from "../../lib/errors.ts";

/** What the user asked for. */
export interface SoakOptions {
  readonly isHelp: boolean;
  /** For all guests together. */
  readonly minutes: number;
  readonly guests: readonly ("c" | "js")[];
  readonly workers: number;
  /** Main module or compiled binary; undefined: this tree's `main.ts`. */
  readonly program: string | undefined;
  /** A ready JavaScript guest; undefined: built from npm. */
  readonly jsGuest: string | undefined;
}

/** Shown for `--help`. */
export const USAGE = `Loads spinkube for long and fails if memory grows or a request fails.

Usage: deno task soak [OPTIONS]

  --minutes N       Duration, the guests one after the other [default: 10]
  --guest c|js      Only this guest
  --workers N       Isolates that serve [default: 1]
  --program FILE    Main module or binary to load instead of this tree's main.ts
  --js-guest FILE   Use this Wasm as the JavaScript guest
  -h, --help        Show this help

Examples:
  deno task soak --minutes 10
  deno task soak --minutes 2 --guest c --workers 2
`;

/** @throws {UsageError} with every problem, if an option is unknown or wrong. */
export function parseSoakOptions(args: readonly string[]): SoakOptions {
  const { values } = parse(args);
  const problems: string[] = [];
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) problems.push(`Invalid value "${values.minutes}" for --minutes: give 10`);
  const workers = Number(values.workers);
  if (!Number.isInteger(workers) || workers < 1) {
    problems.push(`Invalid value "${values.workers}" for --workers: give a whole number from 1 on`);
  }
  const { guest } = values;
  if (guest !== undefined && guest !== "c" && guest !== "js") {
    problems.push(`Invalid value "${guest}" for --guest: give c or js`);
  }
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  return {
    isHelp: values.help ?? false,
    minutes,
    guests: guest === undefined ? ["c", "js"] : [guest as "c" | "js"],
    workers,
    program: values.program,
    jsGuest: values["js-guest"],
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean", short: "h" },
        minutes: { type: "string", default: "10" },
        guest: { type: "string" },
        workers: { type: "string", default: "1" },
        program: { type: "string" },
        "js-guest": { type: "string" },
      },
    });
  } catch (error) {
    throw new UsageError(errorText(error), 'See "deno task soak --help".');
  }
}
