/**
 * Reads typed values out of a parsed TOML document and collects every problem on the way, so that
 * the user sees all of them at once.
 *
 * @module
 */

import type { ManifestProblem } from "../../lib/errors.ts";
import { suggest } from "../../lib/nearest.ts";
import {
  describeType,
  isTable,
  type TomlDocument,
  type TomlTable,
  type TomlValue,
} from "../loader/toml_document.ts";
import type { KeyPath as TomlPath } from "../loader/toml_positions.ts";

/** Reads one document; see {@link createConfigReader}. */
export interface ConfigReader {
  /** The problems found so far, in the order of discovery. */
  readonly problems: readonly ManifestProblem[];
  /** Records a problem at the key `path`. */
  problem(path: TomlPath, message: string): void;
  /** The value as a table; anything else is a problem and gives undefined. */
  table(path: TomlPath, value: TomlValue): TomlTable | undefined;
  /** The value as an array; absent is empty. */
  array(path: TomlPath, value: TomlValue | undefined): TomlValue[];
  /** The member `key` of the table at `path`. Absent gives undefined. */
  string(path: TomlPath, table: TomlTable, key: string): string | undefined;
  /** As {@link string}; absent is a problem. */
  requiredString(path: TomlPath, table: TomlTable, key: string): string | undefined;
  boolean(path: TomlPath, table: TomlTable, key: string): boolean | undefined;
  /** A whole number of at least `min`. */
  integer(path: TomlPath, table: TomlTable, key: string, min: number): number | undefined;
  /** Every key of `table` outside `known` is a problem that names the nearest known key. */
  unknownKeys(path: TomlPath, table: TomlTable, known: readonly string[]): void;
}

/** Creates a reader whose problems carry the file and the position of the key. */
export function createConfigReader({ file, positions }: TomlDocument): ConfigReader {
  const problems: ManifestProblem[] = [];

  function problem(path: TomlPath, message: string): void {
    problems.push({ file, ...positions.find(path), message });
  }

  function typed<T>(
    expected: { path: TomlPath; table: TomlTable; key: string; what: string },
    isRight: (value: TomlValue) => value is T & TomlValue,
  ): T | undefined {
    const value = expected.table[expected.key];
    if (value === undefined || isRight(value)) return value;
    const path = [...expected.path, expected.key];
    problem(path, `${formatPath(path)} must be ${expected.what}, not ${describeType(value)}`);
    return undefined;
  }

  function string(path: TomlPath, table: TomlTable, key: string): string | undefined {
    return typed({ path, table, key, what: "a string" }, (value) => typeof value === "string");
  }

  return {
    problems,
    problem,
    string,
    table(path, value) {
      if (isTable(value)) return value;
      problem(path, `${formatPath(path)} must be a table, not ${describeType(value)}`);
      return undefined;
    },
    array(path, value) {
      if (value === undefined) return [];
      if (Array.isArray(value)) return value;
      problem(path, `${formatPath(path)} must be a list, not ${describeType(value)}`);
      return [];
    },
    requiredString(path, table, key) {
      if (table[key] === undefined) {
        problem(path, `${formatPath(path)} needs the key "${key}"`);
        return undefined;
      }
      return string(path, table, key);
    },
    boolean(path, table, key) {
      return typed(
        { path, table, key, what: "true or false" },
        (value) => typeof value === "boolean",
      );
    },
    integer(path, table, key, min) {
      return typed(
        { path, table, key, what: `a whole number of at least ${min}` },
        (value): value is number => Number.isSafeInteger(value) && (value as number) >= min,
      );
    },
    unknownKeys(path, table, known) {
      for (const key of Object.keys(table)) {
        if (known.includes(key)) continue;
        const where = path.length === 0 ? "" : ` in ${formatPath(path)}`;
        problem([...path, key], `unknown key "${key}"${where}; ${suggest(key, known)}`);
      }
    },
  };
}

/** `key_value_store.default`, `variables_provider[0].values`. */
export function formatPath(path: TomlPath): string {
  return path.map((step, i) => typeof step === "number" ? `[${step}]` : (i > 0 ? "." : "") + step)
    .join("");
}
