/**
 * The command line of the benchmark.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { errorText, UsageError } from "../../lib/errors.ts";

/** What the user asked for. */
export interface BenchOptions {
  readonly isHelp: boolean;
  readonly isQuick: boolean;
  readonly guests: readonly ("c" | "js")[];
  /** Main module or compiled binary; undefined: this tree's `main.ts`. */
  readonly program: string | undefined;
  /** A ready JavaScript guest; undefined: built from npm. */
  readonly jsGuest: string | undefined;
  /** Where the built guest is kept; undefined: the user's cache. */
  readonly cacheDir: string | undefined;
}

/** Shown for `--help`. */
export const USAGE = `Compares spinkube with bare Hono, plain fresh instances, Wasmtime and Spin.

Usage: deno task bench [OPTIONS]

  --quick           Under a minute; the figures are rough
  --guest c|js      Only this guest
  --program FILE    Main module or binary to measure instead of this tree's main.ts
  --js-guest FILE   Use this Wasm as the JavaScript guest; it answers / with text
  --cache-dir DIR   Keep the JavaScript guest here
  -h, --help        Show this help

Examples:
  deno task bench --quick
  deno task bench --guest js --program dist/spinkube
`;

/** @throws {UsageError} if an option is unknown or wrong. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values } = parse(args);
  const { guest } = values;
  if (guest !== undefined && guest !== "c" && guest !== "js") {
    throw new UsageError(`Invalid value "${guest}" for --guest: give c or js`);
  }
  return {
    isHelp: values.help ?? false,
    isQuick: values.quick ?? false,
    guests: guest === undefined ? ["c", "js"] : [guest],
    program: values.program,
    jsGuest: values["js-guest"],
    cacheDir: values["cache-dir"],
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean", short: "h" },
        quick: { type: "boolean" },
        guest: { type: "string" },
        program: { type: "string" },
        "js-guest": { type: "string" },
        "cache-dir": { type: "string" },
      },
    });
  } catch (error) {
    throw new UsageError(errorText(error), 'See "deno task bench --help".');
  }
}
