/**
 * Reads the fields of one table of a manifest. Wrong types, missing fields and unknown keys go to
 * the report; the reader goes on with a harmless value, so that all problems are found in one pass.
 *
 * @module
 */

import { suggest } from "../../lib/nearest.ts";
import type { JsonObject } from "./locked_app.ts";
import type { ManifestReport } from "./manifest_report.ts";
import {
  describeType,
  isTable,
  type TomlTable,
  tomlTableToJson,
  type TomlValue,
} from "./toml_document.ts";
import type { KeyPath } from "./toml_positions.ts";

/** Where a table stands and how messages call it. */
export interface TablePlace {
  readonly report: ManifestReport;
  readonly path: KeyPath;
  /** `component "hello"` */
  readonly owner: string;
}

/** The fields of a table. What has not been read when {@link close} is called is unknown. */
export class Fields implements TablePlace {
  readonly report: ManifestReport;
  readonly path: KeyPath;
  readonly owner: string;
  readonly #table: TomlTable;
  readonly #known = new Set<string>();

  constructor(table: TomlTable, place: TablePlace) {
    this.#table = table;
    this.report = place.report;
    this.path = place.path;
    this.owner = place.owner;
  }

  /** The keys of the table, in the order of the file. */
  get keys(): string[] {
    return Object.keys(this.#table);
  }

  has(key: string): boolean {
    return this.#table[key] !== undefined;
  }

  /** The path of a field, for {@link ManifestReport.add}. */
  at(key: string, ...rest: (string | number)[]): KeyPath {
    return [...this.path, key, ...rest];
  }

  /** Reports a problem of a field. */
  problem(key: string, message: string): void {
    this.report.add(this.at(key), `${this.owner}: ${message}`);
  }

  /** A value as it is, without counting as read. */
  peek(key: string): TomlValue | undefined {
    return this.#table[key];
  }

  /** A value as it is. */
  raw(key: string): TomlValue | undefined {
    this.#known.add(key);
    return this.#table[key];
  }

  string(key: string): string | undefined {
    const value = this.raw(key);
    if (value === undefined || typeof value === "string") return value;
    this.#wrongType(key, { value, wanted: "a string" });
    return undefined;
  }

  /** A string that must be there; `example` shows how the line could look. */
  requiredString(key: string, example: string): string | undefined {
    if (!this.has(key)) this.missing(key, example);
    return this.string(key);
  }

  /** Reports that a field is missing. */
  missing(key: string, example: string): void {
    this.#known.add(key);
    this.report.add(this.path, `${this.owner}: missing field \`${key}\`; add ${example}`);
  }

  boolean(key: string): boolean | undefined {
    const value = this.raw(key);
    if (value === undefined || typeof value === "boolean") return value;
    this.#wrongType(key, { value, wanted: "true or false" });
    return undefined;
  }

  integer(key: string): number | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value)) return value;
    this.#wrongType(key, { value, wanted: "an integer" });
    return undefined;
  }

  /** A list of strings; empty if absent. */
  strings(key: string): string[] {
    return this.array(key, "an array of strings").flatMap((value, i) => {
      if (typeof value === "string") return [value];
      this.#wrongElement(key, { index: i, value, wanted: "a string" });
      return [];
    });
  }

  /** Any list; empty if absent. `wanted` names it in messages. */
  array(key: string, wanted: string): TomlValue[] {
    const value = this.raw(key);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.#wrongType(key, { value, wanted });
    return [];
  }

  /** A table of strings, in the order of the file; empty if absent. */
  stringMap(key: string): [string, string][] {
    const table = this.table(key);
    if (!table) return [];
    return table.keys.flatMap((name): [string, string][] => {
      const value = table.raw(name);
      if (typeof value === "string") return [[name, value]];
      if (value !== undefined) {
        const hint = isTable(value) || Array.isArray(value) ? "" : "; put it in quotes";
        this.report.add(
          table.at(name),
          `${this.owner}: "${key}.${name}" must be a string, got ${describeType(value)}${hint}`,
        );
      }
      return [];
    });
  }

  /** A table within; undefined if absent. */
  table(key: string, owner = this.owner): Fields | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (isTable(value)) {
      return new Fields(value, { report: this.report, path: this.at(key), owner });
    }
    this.#wrongType(key, { value, wanted: "a table" });
    return undefined;
  }

  /** Every entry of a table of tables; `owner` names each. */
  tables(key: string, owner: (name: string) => string): [string, Fields][] {
    const outer = this.table(key);
    if (!outer) return [];
    return outer.keys.flatMap((name): [string, Fields][] => {
      const inner = outer.table(name, owner(name));
      return inner ? [[name, inner]] : [];
    });
  }

  /** A list of tables; each with `owner(index)` as its name. */
  tableList(key: string, owner: (index: number) => string): Fields[] {
    return this.array(key, "an array of tables").flatMap((value, i) => {
      if (isTable(value)) {
        const path = this.at(key, i);
        return [new Fields(value, { report: this.report, path, owner: owner(i) })];
      }
      this.#wrongElement(key, { index: i, value, wanted: "a table" });
      return [];
    });
  }

  /** The fields not in `known`, as JSON: the configuration of whoever knows them. */
  rest(known: readonly string[]): JsonObject {
    const json: JsonObject = Object.create(null);
    for (const key of this.keys) {
      if (known.includes(key)) continue;
      const value = this.raw(key)!;
      try {
        Object.assign(json, tomlTableToJson({ [key]: value }));
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        this.problem(key, `"${key}": ${error.message}`);
      }
    }
    return json;
  }

  /** Reports every key that nobody asked for. */
  close(): void {
    for (const key of this.keys) {
      if (this.#known.has(key)) continue;
      this.problem(key, `unknown field \`${key}\`; ${suggest(key, this.#known)}`);
    }
  }

  #wrongType(key: string, { value, wanted }: { value: TomlValue; wanted: string }): void {
    this.problem(key, `"${key}" must be ${wanted}, got ${describeType(value)}`);
  }

  #wrongElement(
    key: string,
    { index, value, wanted }: { index: number; value: TomlValue; wanted: string },
  ): void {
    this.report.add(
      this.at(key, index),
      `${this.owner}: "${key}" item ${index + 1} must be ${wanted}, got ${describeType(value)}`,
    );
  }
}
