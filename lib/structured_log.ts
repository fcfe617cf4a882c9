/**
 * Logs of programs that run unattended: a constant message and fields, one line each.
 *
 * @module
 */

import { errorText } from "./errors.ts";

/** From the most to the least that is said. */
const LEVELS = ["debug", "info", "warn", "error"] as const;

/** How important a line is; the lowest that is written. */
export type LogLevel = typeof LEVELS[number];

/** What a line says beside its message. An `Error` becomes its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines. */
export interface Log {
  /** The lowest level that is written; one for a log and all its children. */
  level: LogLevel;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines have these fields too. */
  child(fields: LogFields): Log;
}

/** Where lines go, and how. */
export interface LogOptions {
  readonly level: LogLevel;
  /** JSON for machines, or text for people. */
  readonly format: "json" | "console";
  /** Default: stderr of the process. */
  readonly write?: (line: string) => void;
  /** Default: the time now. */
  readonly now?: () => Date;
}

/** Whether a text is the name of a level. */
export function isLogLevel(text: string): text is LogLevel {
  return (LEVELS as readonly string[]).includes(text);
}

/** Creates a log. */
export function createLog(options: LogOptions): Log {
  const shared = { level: options.level };
  const { write = console.error, now = () => new Date(), format } = options;
  function make(own: LogFields): Log {
    function line(level: LogLevel, { message, fields }: { message: string; fields: LogFields }) {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(shared.level)) return;
      const all = plainFields({ ...own, ...fields });
      const time = now().toISOString();
      write(
        format === "json"
          ? JSON.stringify({ time, level, msg: message, ...all })
          : `${time}\t${level.toUpperCase()}\t${message}${consoleFields(all)}`,
      );
    }
    return {
      get level() {
        return shared.level;
      },
      set level(level) {
        shared.level = level;
      },
      debug: (message, fields = {}) => line("debug", { message, fields }),
      info: (message, fields = {}) => line("info", { message, fields }),
      warn: (message, fields = {}) => line("warn", { message, fields }),
      error: (message, fields = {}) => line("error", { message, fields }),
      child: (fields) => make({ ...own, ...fields }),
    };
  }
  return make({});
}

function plainFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? errorText(value) : value,
    ]),
  );
}

function consoleFields(fields: Record<string, unknown>): string {
  return Object.keys(fields).length === 0 ? "" : `\t${JSON.stringify(fields)}`;
}
