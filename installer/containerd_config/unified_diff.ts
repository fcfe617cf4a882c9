/**
 * The difference of two texts, as `diff -u` prints it.
 *
 * @module
 */

/** Lines around each change. */
const CONTEXT = 3;

interface Line {
  readonly kind: " " | "-" | "+";
  readonly text: string;
}

/**
 * The unified difference; empty if there is none. A text's last line without a line end is told as
 * `diff` does.
 *
 * @param names What stands in the two lines above it.
 */
export function unifiedDiff(
  before: string,
  after: string,
  names: { readonly before: string; readonly after: string },
): string {
  if (before === after) return "";
  const lines = compareLines(splitLines(before), splitLines(after));
  const output = [`--- ${names.before}`, `+++ ${names.after}`];
  for (const [first, last] of hunks(lines)) {
    const part = lines.slice(first, last);
    const above = lines.slice(0, first);
    output.push(`@@ -${range("-", { above, part })} +${range("+", { above, part })} @@`);
    for (const { kind, text } of part) {
      output.push(kind + text.replace(/\n$/, ""));
      if (!text.endsWith("\n")) output.push("\\ No newline at end of file");
    }
  }
  return `${output.join("\n")}\n`;
}

function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function range(
  side: "-" | "+",
  { above, part }: { above: readonly Line[]; part: readonly Line[] },
): string {
  const count = part.filter(({ kind }) => kind === " " || kind === side).length;
  const start = above.filter(({ kind }) => kind === " " || kind === side).length;
  const first = count === 0 ? start : start + 1;
  return count === 1 ? String(first) : `${first},${count}`;
}

/** By the longest common run of lines; only what differs in the middle is compared. */
function compareLines(a: readonly string[], b: readonly string[]): Line[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (
    tail < a.length - head && tail < b.length - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  ) tail++;
  const same = (text: string): Line => ({ kind: " ", text });
  return [
    ...a.slice(0, head).map(same),
    ...compareMiddle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map(same),
  ];
}

function compareMiddle(a: readonly string[], b: readonly string[]): Line[] {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j]
        ? lengths[(i + 1) * width + j + 1]! + 1
        : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: " ", text: a[i++]! });
      j++;
    } else if (
      j >= b.length ||
      (i < a.length && lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!)
    ) lines.push({ kind: "-", text: a[i++]! });
    else lines.push({ kind: "+", text: b[j++]! });
  }
  return lines;
}

/** First and last index of each group of changes with its context. */
function hunks(lines: readonly Line[]): [number, number][] {
  const found: [number, number][] = [];
  for (const [index, { kind }] of lines.entries()) {
    if (kind === " ") continue;
    const last = found.at(-1);
    const end = Math.min(index + CONTEXT + 1, lines.length);
    if (last && index - CONTEXT <= last[1]) last[1] = end;
    else found.push([Math.max(0, index - CONTEXT), end]);
  }
  return found;
}
