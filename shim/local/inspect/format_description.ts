/**
 * What `inspect` shows to people.
 *
 * @module
 */

import { formatBytes } from "../registry/progress.ts";
import type { AppDescription, ComponentDescription } from "./describe_app.ts";

/** The description as text, without a final line end. */
export function formatDescription(app: AppDescription): string {
  return [
    ...fields([
      ["Name", [app.name, app.version].filter((text) => text !== "").join(" ")],
      ["Description", app.description],
      ["Source", app.source],
      ["Digest", app.digest ?? ""],
    ], ""),
    "",
    "Triggers:",
    ...columns(
      app.triggers.map(({ type, on, component }) => [type, on, component ?? "(static response)"]),
    ),
    ...section("Variables", app.variables, ({ name, required, secret, default: value }) => [
      name,
      [
        required
          ? "required"
          : value === null
          ? "has a default"
          : `default ${JSON.stringify(value)}`,
        ...(secret ? ["secret"] : []),
      ].join(", "),
    ]),
    "",
    "Components:",
    ...app.components.flatMap(formatComponent),
    "",
    app.runnable
      ? "This program offers all that the app needs."
      : "This program cannot run the app: see what is missing above.",
  ].join("\n");
}

function formatComponent(component: ComponentDescription): string[] {
  const { wasm, files } = component;
  const kind = wasm.kind === "component" ? "component" : `core module (${wasm.kind})`;
  return [
    `  ${component.id}`,
    ...fields([
      ["Description", component.description],
      ["Wasm", wasm.kind === undefined ? "" : `${kind}, ${formatBytes(wasm.bytes)}`],
      ["Unusable", wasm.problem ?? ""],
      ["Made with", wasm.producers.join(", ")],
      ["Files", files.count === 0 ? "" : `${files.count}, ${formatBytes(files.bytes)}`],
      ["Outbound hosts", component.allowedOutboundHosts.join(", ")],
      ["Key-value", component.keyValueStores.join(", ")],
      ["SQLite", component.sqliteDatabases.join(", ")],
      ["AI models", component.aiModels.join(", ")],
      ["Environment", component.environment.join(", ")],
      ["Dependencies", component.dependencies.join(", ")],
      ["Exports", wasm.exports.join(", ")],
      ["Imports", wasm.imports.join(", ")],
      ["Not offered", wasm.missing.join(", ")],
    ], "    "),
  ];
}

/** `Label: value` of those that have a value; the values stand below each other. */
function fields(rows: readonly (readonly [string, string])[], indent: string): string[] {
  const shown = rows.filter(([, value]) => value !== "");
  const width = Math.max(...shown.map(([label]) => label.length)) + 1;
  return shown.map(([label, value]) => `${indent}${`${label}:`.padEnd(width)} ${value}`);
}

function section<T>(
  title: string,
  items: readonly T[],
  row: (item: T) => readonly string[],
): string[] {
  return items.length === 0 ? [] : ["", `${title}:`, ...columns(items.map(row))];
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths![column]!)).join("  ")}`.trimEnd()
  );
}
