/**
 * "Did you mean …?"
 *
 * @module
 */

/**
 * The candidate that `word` most likely was meant to be, or undefined if none is close. Case and
 * the difference between `-` and `_` count for little.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = fold(word);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, fold(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/**
 * A sentence that offers the nearest candidate, else lists all of them: `did you mean "source"?` or
 * `expected one of "a", "b"`.
 */
export function suggest(word: string, candidates: Iterable<string>): string {
  const all = [...candidates];
  const best = nearest(word, all);
  if (best !== undefined) return `did you mean ${JSON.stringify(best)}?`;
  return all.length === 0
    ? "none is defined"
    : `expected one of ${all.map((name) => JSON.stringify(name)).join(", ")}`;
}

function fold(word: string): string {
  return word.slice(0, 64).toLowerCase().replaceAll("_", "-");
}

/** The number of insertions, deletions, substitutions and swaps of neighbours between two words. */
function editDistance(left: string, right: string): number {
  let before: number[] = [];
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const isSame = left[i - 1] === right[j - 1];
      const isSwap = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      next.push(Math.min(
        row[j - 1]! + (isSame ? 0 : 1),
        row[j]! + 1,
        next[j - 1]! + 1,
        isSwap ? before[j - 2]! + 1 : Infinity,
      ));
    }
    [before, row] = [row, next];
  }
  return row[right.length]!;
}
