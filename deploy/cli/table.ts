/**
 * Tables as the plugin `kube` prints them.
 *
 * @module
 */

/** Wider cells are cut. */
const MAX_WIDTH = 50;

/**
 * Rows with their cells padded to the width of the column and joined by tabs. Ends with a newline.
 */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const cut = rows.map((row) => row.map(cutCell));
  const columns = Math.max(0, ...cut.map((row) => row.length));
  const widths = Array.from(
    { length: columns },
    (_, column) => Math.max(...cut.map((row) => [...row[column] ?? ""].length)),
  );
  return cut.map((row) => `${row.map((cell, i) => pad(cell, widths[i]!)).join("\t")}\n`).join("");
}

function cutCell(cell: string): string {
  const letters = [...cell];
  return letters.length > MAX_WIDTH ? `${letters.slice(0, MAX_WIDTH - 3).join("")}...` : cell;
}

function pad(cell: string, width: number): string {
  return cell + " ".repeat(width - [...cell].length);
}
