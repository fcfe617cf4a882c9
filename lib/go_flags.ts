/**
 * Command lines as Go's `flag` package reads them, for programs that take the place of Go ones.
 *
 * @module
 */

/** Which flags there are. */
export interface GoFlagNames<T extends string, S extends string> {
  /** With a value: `-name value` or `-name=value`. */
  readonly texts: readonly T[];
  /** With a value only after `=`. */
  readonly switches: readonly S[];
  /**
   * Words that are no value of a flag that does not exist, where such flags are ignored. Undefined: a
   * flag that does not exist is a problem.
   */
  readonly ignoreUnknownBefore?: readonly string[];
}

/** What was given. */
export interface GoFlags<T extends string, S extends string> {
  readonly texts: ReadonlyMap<T, string>;
  readonly switches: ReadonlyMap<S, boolean>;
  /** What follows the flags. */
  readonly words: readonly string[];
  /** What is wrong, in Go's words. */
  readonly problems: readonly string[];
}

/** Values that Go takes for a boolean. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const),
]);

/** Name and value of a flag; no value without `=`. */
const FLAG = /^--?([^=-][^=]*)(?:=(.*))?$/s;

/**
 * Reads a command line: one dash or two, the last of several counts, `--` or the first other word ends
 * the flags.
 */
export function readGoFlags<T extends string, S extends string>(
  args: readonly string[],
  names: GoFlagNames<T, S>,
): GoFlags<T, S> {
  const texts = new Map<T, string>();
  const switches = new Map<S, boolean>();
  const problems: string[] = [];
  let index = 0;
  while (index < args.length) {
    const word = args[index]!;
    if (!word.startsWith("-") || word === "-") break;
    index++;
    if (word === "--") break;
    const [, name, value] = FLAG.exec(word) ?? [];
    if (name === undefined) problems.push(`bad flag syntax: ${word}`);
    else if (isOneOf(names.switches, name)) {
      const isSet = value === undefined ? true : BOOLEANS.get(value);
      if (isSet !== undefined) switches.set(name, isSet);
      else problems.push(`"${value}" is no boolean value for -${name}`);
    } else if (isOneOf(names.texts, name)) {
      const text = value ?? args[index++];
      if (text !== undefined) texts.set(name, text);
      else problems.push(`flag needs an argument: -${name}`);
    } else if (!names.ignoreUnknownBefore) {
      problems.push(`flag provided but not defined: -${name}`);
    } else if (value === undefined && isValue(args[index], names.ignoreUnknownBefore)) index++;
  }
  return { texts, switches, problems, words: args.slice(index) };
}

function isOneOf<N extends string>(names: readonly N[], name: string): name is N {
  return (names as readonly string[]).includes(name);
}

/** Whether the word after a flag that does not exist is its value. */
function isValue(word: string | undefined, others: readonly string[]): boolean {
  return word !== undefined && !word.startsWith("-") && !others.includes(word);
}
