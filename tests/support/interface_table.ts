/**
 * The table of interfaces in the documentation: from which languages the tests call a function.
 *
 * @module
 */

/** The table as Markdown: one section for each interface and version. */
export function formatInterfaceTable(calls: ReadonlyMap<string, ReadonlySet<string>>): string {
  const sections = new Map<string, string[]>();
  for (const [name, languages] of [...calls].sort(([a], [b]) => a < b ? -1 : 1)) {
    const [key, member] = name.split("#") as [string, string];
    const rows = sections.get(key) ?? [];
    rows.push(`| \`${member}\` | ${[...languages].sort().join(", ")} |`);
    sections.set(key, rows);
  }
  return [...sections].map(([key, rows]) =>
    [`## ${key}`, "", "| function | called from |", "| --- | --- |", ...rows, ""].join("\n")
  ).join("\n");
}
