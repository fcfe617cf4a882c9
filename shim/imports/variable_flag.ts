/**
 * The `--variable` flag.
 *
 * @module
 */

import { parse } from "smol-toml";
import { TerminalError, UsageError } from "../../lib/errors.ts";
import { variableNameProblem } from "./variable_resolver.ts";

/**
 * Parses one `--variable`: `k=v`, `k=@file` (the text of the file), `@file.json` or `@file.toml`
 * (flat tables of strings). Values never appear in a message.
 *
 * @param readFile Reads a text file; what it throws becomes the cause.
 * @returns Names and values in the order of the source.
 * @throws {UsageError} if the form is wrong or a name is not valid.
 * @throws {TerminalError} if a file cannot be read or does not hold strings only.
 */
export function parseVariableFlag(
  text: string,
  readFile: (path: string) => string,
): [string, string][] {
  if (text.startsWith("@")) return checkNames(readVariableFile(text.slice(1), readFile));
  const separator = text.indexOf("=");
  if (separator < 0) {
    throw new UsageError("variables must be in the form 'key=value' or '@file'");
  }
  const name = text.slice(0, separator);
  const value = text.slice(separator + 1);
  const isFile = value.startsWith("@");
  return checkNames([[name, isFile ? readText(value.slice(1), readFile) : value]]);
}

function checkNames(variables: [string, string][]): [string, string][] {
  const problems = variables.flatMap(([name]) => variableNameProblem(name) ?? []);
  if (problems.length === 0) return variables;
  throw new UsageError(problems.map((problem) => `invalid variable name: ${problem}`).join("\n"));
}

function readText(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path);
  } catch (error) {
    throw new TerminalError("UnreadableVariableFile", `Failed to read "${path}".`, {
      cause: error,
    });
  }
}

function readVariableFile(
  path: string,
  readFile: (path: string) => string,
): [string, string][] {
  const kind = /[^/\\]\.(json|toml)$/.exec(path)?.[1];
  if (!kind) throw new UsageError("variable files must end in .json or .toml");
  const table = parseTable(readText(path, readFile), { path, kind });
  const wrong = Object.keys(table).filter((name) => typeof table[name] !== "string");
  if (wrong.length === 0) return Object.entries(table) as [string, string][];
  throw new TerminalError(
    "InvalidVariableFile",
    `Failed to parse ${kind.toUpperCase()} from "${path}": every value must be a string; ` +
      `these are not: ${wrong.join(", ")}`,
  );
}

function parseTable(
  text: string,
  { path, kind }: { path: string; kind: string },
): Record<string, unknown> {
  // The parsers' own messages quote the text around the mistake, which may hold secrets.
  const failure = `Failed to parse ${kind.toUpperCase()} from "${path}".`;
  let table: unknown;
  try {
    table = kind === "json" ? JSON.parse(text) : parse(text);
  } catch {
    throw new TerminalError("InvalidVariableFile", failure);
  }
  if (typeof table === "object" && table !== null && !Array.isArray(table)) {
    return table as Record<string, unknown>;
  }
  throw new TerminalError("InvalidVariableFile", `${failure} It must hold one flat table.`);
}
