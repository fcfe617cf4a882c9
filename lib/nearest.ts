/**
 * "Did you mean …?" for words that people type: options, keys, names.
 *
 * @module
 */

/** Longer words are compared by their beginning: nobody types names of this length. */
const MAX_LENGTH = 64;

/**
 * The candidate that was most likely meant by `word`, or undefined if none is close: at most one
 * edit for words up to five letters, and one more for each further three. Swapping two neighbours
 * is one edit; case and the difference between `-` and `_` do not count. The first of equally close candidates wins.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = normalize(word);
  let best: string | undefined;
  let limit = Math.max(1, Math.floor(wanted.length / 3));
  for (const candidate of candidates) {
    const distance = editDistance(wanted, normalize(candidate));
    if (distance > limit) continue;
    best = candidate;
    limit = distance - 1;
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

function normalize(word: string): string {
  return word.slice(0, MAX_LENGTH).toLowerCase().replaceAll("_", "-");
}

/** The least number of letters to insert, remove, replace or swap with their neighbour. */
export function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1];
      let cost = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (isSame ? 0 : 1),
      );
      const isSwap = row > 1 && column > 1 && left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1];
      if (isSwap) cost = Math.min(cost, beforeLast[column - 2]! + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length]!;
}
