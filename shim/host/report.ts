/**
 * The host's own lines for the user.
 *
 * @module
 */

/** Writes lines to stderr. A terminal that is gone must not stop the host from serving. */
export function writeReport(lines: string[]): void {
  const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
  Deno.stderr.write(bytes).catch(() => {
    // Nobody reads; there is no other place to say so.
  });
}
