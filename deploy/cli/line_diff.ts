/**
 * What has changed between two texts.
 *
 * @module
 */

/** Unchanged lines that are shown around changes. */
const CONTEXT = 3;

/**
 * Removed lines begin with `-`, added ones with `+`, others with a blank; where lines were left out
 * stands `…`. Empty if the texts are the same. Meant for manifests: time and memory grow with the
 * product of the lengths.
 */
export function diffLines(before: string, after: string): string {
  if (before === after) return "";
  const lines = alignLines(splitLines(before), splitLines(after));
  const isShown = lines.map((_, index) =>
    lines.slice(Math.max(0, index - CONTEXT), index + CONTEXT + 1)
      .some((line) => !line.startsWith(" "))
  );
  return lines.flatMap((line, index) => {
    if (isShown[index]) return [`${line}\n`];
    return index === 0 || isShown[index - 1] ? ["…\n"] : [];
  }).join("");
}

function splitLines(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function alignLines(before: readonly string[], after: readonly string[]): string[] {
  // Lengths of the longest common rest, from the end.
  const common = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i]![j] = before[i] === after[j]
        ? common[i + 1]![j + 1]! + 1
        : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push(` ${before[i++]}`);
      j++;
    } else if (
      j >= after.length || (i < before.length && common[i + 1]![j]! >= common[i]![j + 1]!)
    ) {
      lines.push(`-${before[i++]}`);
    } else {
      lines.push(`+${after[j++]}`);
    }
  }
  return lines;
}
