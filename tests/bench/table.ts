/**
 * Tables in Markdown, aligned so that they read well on a terminal too.
 *
 * @module
 */

/**
 * Formats a table; the first column is aligned to the left, all others to the right.
 * @returns Lines joined by newlines, without one at the end.
 */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = header.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? "").length))
  );
  function line(cells: readonly string[]): string {
    const padded = widths.map((width, column) => {
      const cell = cells[column] ?? "";
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${padded.join(" | ")} |`;
  }
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`
  );
  return [line(header), line(rule), ...rows.map(line)].join("\n");
}

/** What stands for a value that was not measured. */
export const NOT_MEASURED = "–";

/** A number with three significant digits, thousands apart: `21,300`, `4.71`, `0.183`. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return NOT_MEASURED;
  return new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format(value);
}

/** A ratio as `0.183×`. */
export function formatRatio(value: number | undefined): string {
  const text = formatNumber(value);
  return text === NOT_MEASURED ? text : `${text}×`;
}

/** Bytes in megabytes (10⁶), without the unit. */
export function formatMegabytes(bytes: number | undefined): string {
  return formatNumber(bytes === undefined ? undefined : bytes / 1e6);
}
