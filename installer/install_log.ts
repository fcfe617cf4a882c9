/**
 * The installer's log, in the forms that scripts read: Go's `slog` for work on the node, that of the
 * downloader's script for fetching, or JSON for both.
 *
 * @module
 */

import type { InstallLog } from "./node/host.ts";

/** Values of a line beside its message. */
type Fields = Readonly<Record<string, unknown>>;

/** Importance of a line. */
type Level = "INFO" | "WARN" | "ERROR";

/** A log that failures can be told in too. */
export interface InstallerLog extends InstallLog {
  error(message: string, fields?: Fields): void;
}

/** Where lines go, and how. */
export interface InstallerLogOptions {
  /**
   * `slog`: `2024/05/20 20:49:46 INFO shim installed shim=spin-v2`; `script`: time, level and text with
   * tabs between.
   */
  readonly format: "slog" | "script" | "json";
  /** Default: stderr of the process. */
  readonly write?: (line: string) => void;
  readonly now?: () => Date;
}

/** Creates a log. */
export function createInstallerLog(
  { format, write = console.error, now = () => new Date() }: InstallerLogOptions,
): InstallerLog {
  function line(level: Level, { message, fields = {} }: { message: string; fields?: Fields }) {
    // A field without a value says nothing.
    const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
    write(formatLine(format, { time: now(), level, message, fields: shown }));
  }
  return {
    info: (message, fields = {}) => line("INFO", { message, fields }),
    warn: (message, fields = {}) => line("WARN", { message, fields }),
    error: (message, fields = {}) => line("ERROR", { message, fields }),
  };
}

interface Line {
  readonly time: Date;
  readonly level: Level;
  readonly message: string;
  readonly fields: readonly (readonly [string, unknown])[];
}

function formatLine(
  format: InstallerLogOptions["format"],
  { time, level, message, fields }: Line,
): string {
  const iso = time.toISOString();
  const text = [message, ...pairs(fields)].join(" ");
  switch (format) {
    case "slog":
      return `${iso.slice(0, 19).replaceAll("-", "/").replace("T", " ")} ${level} ${text}`;
    case "script":
      return `${iso.slice(0, 19)}\t${level}\t${text}`;
    case "json":
      return JSON.stringify({
        time: iso,
        level: level.toLowerCase(),
        msg: message,
        ...Object.fromEntries(fields),
      });
  }
}

function pairs(fields: Line["fields"]): string[] {
  return fields.map(([key, value]) => `${key}=${quoteIfNeeded(String(value))}`);
}

/** As Go does: quotes where the end of the value could not be told otherwise. */
function quoteIfNeeded(text: string): string {
  return text === "" || /[\s"=]|[^\x20-\x7e]/.test(text) ? JSON.stringify(text) : text;
}
