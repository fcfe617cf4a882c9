/**
 * Command lines: what options a command has, and what the user typed.
 *
 * Words are split as POSIX and GNU have it; every problem is reported at once. There is no library
 * in it: loading one takes longer than most commands run.
 *
 * @module
 */

import { UsageError } from "./errors.ts";
import { nearest } from "./nearest.ts";

/** What all kinds of option have in common. */
interface OptionBase {
  /** One letter, without the dash. */
  readonly short?: string;
  /** Other names that are accepted; only the reference shows them. */
  readonly aliases?: readonly string[];
  /** Environment variable that is read if the option is not given. An empty one counts as unset. */
  readonly env?: string;
  /** One line, without a period. */
  readonly help: string;
  /** Heading under which the help shows it; default: `Options`. */
  readonly group?: string;
  /** Accepted, but not shown in any help. */
  readonly hidden?: boolean;
  /** Names of options that cannot be given together with this one. */
  readonly conflicts?: readonly string[];
  /** Names of options that have to be given too. */
  readonly requires?: readonly string[];
}

/** An option without a value. From the environment `0`, `n`, `no`, `f`, `false` and `off` are no. */
export interface BooleanOption extends OptionBase {
  readonly kind: "boolean";
}

/** An option with a value. */
export interface ValueOption<T = unknown> extends OptionBase {
  /** `value`: at most once; `list`: any number of times, in order. */
  readonly kind: "value" | "list";
  /** How the help names the value: `DIR`. */
  readonly value: string;
  /** Whether `""` is a value; in the environment too. Default: that of {@link Command.isGoStyle}. */
  readonly isEmptyAllowed?: boolean;
  /** Shown by the help. The command applies it. */
  readonly default?: string;
  /** The value of the option alone; another one then has to be joined by `=`. */
  readonly bare?: string;
  /** Turns the text into the value. @throws {SyntaxError} if it is wrong: why, and what is right. */
  readonly parse?: (text: string) => T;
}

/** One option. */
export type Option = BooleanOption | ValueOption;

/** Options by name, without dashes. */
export type Options = Readonly<Record<string, Option>>;

/** One command. */
export interface Command<O extends Options> {
  /** As typed: `spinkube up`. */
  readonly name: string;
  /** One sentence with its period. */
  readonly summary: string;
  /** Shown after the name in the usage line: `[OPTIONS]`. */
  readonly usage: string;
  readonly options: O;
  /** Exactly two, without a prompt. */
  readonly examples: readonly [string, string];
  /** What the reference says beyond the summary: paragraphs of Markdown. */
  readonly details?: readonly string[];
  /** Exit codes with a meaning of their own, beside 0, 1, 2 and 130. */
  readonly exits?: Readonly<Record<number, string>>;
  /** Words that belong to no option are handed to the command. Default: they are refused. */
  readonly hasWords?: boolean;
  /** From this option on, everything else on the line is kept as it is, in `rest`. */
  readonly restAfter?: string;
  /**
   * Read the line as Go's `pflag` does, for commands that take the place of Go ones: the last of
   * several values counts, a value may be empty or begin with a dash, and `--yes=false` is possible.
   */
  readonly isGoStyle?: boolean;
}

type ParsedValue<T> = T extends { readonly parse: (text: string) => infer V } ? V : string;

type OptionValue<T> = T extends { readonly kind: "boolean" } ? boolean
  : T extends { readonly kind: "list" } ? ParsedValue<T>[]
  : ParsedValue<T> | undefined;

/** The values by option name: false, undefined or an empty list if not given. */
export type OptionValues<O extends Options> = { readonly [K in keyof O]: OptionValue<O[K]> };

/** What the user asked for. */
export type ParsedCommandLine<O extends Options> =
  | { readonly kind: "help" }
  | {
    readonly kind: "run";
    readonly values: OptionValues<O>;
    /** Names of the options that were given, on the line or in the environment. */
    readonly given: ReadonlySet<string>;
    /** Words that belong to no option; empty without {@link Command.hasWords}. */
    readonly words: readonly string[];
    /** What followed {@link Command.restAfter}; a leading `--` is removed. */
    readonly rest: readonly string[];
  };

/** Keeps the literal types of a definition. */
export function defineCommand<const O extends Options>(command: Command<O>): Command<O> {
  return command;
}

/**
 * Parses the arguments that follow the command's name. An option on the line wins over its
 * environment variable.
 *
 * @throws {UsageError} with every problem, one a line.
 */
export function parseCommandLine<O extends Options>(
  command: Command<O>,
  args: readonly string[],
  options: { readonly environment: (name: string) => string | undefined },
): ParsedCommandLine<O> {
  const { own, rest } = splitRest(command, args);
  const reading = new Reading(command);
  for (const token of tokenize(command.options, own)) reading.take(token);
  if (reading.isHelp) return { kind: "help" };
  reading.readEnvironment(options.environment);
  reading.checkCombinations();
  const values = reading.values<O>();
  reading.throwIfAny();
  return { kind: "run", values, given: reading.given, words: reading.words, rest };
}

function splitRest(
  { restAfter, options }: Command<Options>,
  args: readonly string[],
): { own: readonly string[]; rest: readonly string[] } {
  if (restAfter === undefined) return { own: args, rest: [] };
  const short = options[restAfter]?.short;
  const at = args.findIndex((word) => word === `--${restAfter}` || word === `-${short}`);
  if (at < 0) return { own: args, rest: [] };
  const rest = args.slice(at + 1);
  return { own: args.slice(0, at + 1), rest: rest[0] === "--" ? rest.slice(1) : rest };
}

interface OptionToken {
  readonly kind: "option";
  readonly name: string;
  /** As typed, with dashes. */
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

type Token = OptionToken | { readonly kind: "positional"; readonly value: string };

/** How options are written: with a value as the next word, or without. */
interface Spelling {
  /** Names whose value is the next word, unless it is joined by `=`. */
  readonly valued: ReadonlySet<string>;
  /** Letter → name. */
  readonly letters: ReadonlyMap<string, string>;
}

/** Splits as `parseArgs` of `node:util` does, which takes longer to load than small commands run. */
function tokenize(options: Options, args: readonly string[]): Token[] {
  const spelling = spellingOf(options);
  const tokens: Token[] = [];
  const words = [...args];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--") {
      tokens.push(...words.map((value) => ({ kind: "positional", value } as const)));
      break;
    }
    if (word.startsWith("--")) tokens.push(readLong(word, { words, spelling }));
    else if (word.length > 1 && word.startsWith("-")) {
      tokens.push(...readLetters(word.slice(1), { words, spelling }));
    } else tokens.push({ kind: "positional", value: word });
  }
  return tokens;
}

function spellingOf(options: Options): Spelling {
  const valued = new Set<string>();
  const letters = new Map([["h", "help"]]);
  for (const [name, option] of Object.entries(options)) {
    if (option.short !== undefined) letters.set(option.short, name);
    if (option.kind === "boolean" || option.bare !== undefined) continue;
    for (const word of [name, ...option.aliases ?? []]) valued.add(word);
  }
  return { valued, letters };
}

interface Rest {
  /** What follows on the line; a value is taken from it. */
  readonly words: string[];
  readonly spelling: Spelling;
}

function readLong(word: string, { words, spelling }: Rest): OptionToken {
  const equals = word.indexOf("=", 3);
  if (equals >= 0) {
    const rawName = word.slice(0, equals);
    const value = word.slice(equals + 1);
    return { kind: "option", name: rawName.slice(2), rawName, value, inlineValue: true };
  }
  const name = word.slice(2);
  const hasValue = spelling.valued.has(name) && words.length > 0;
  return {
    kind: "option",
    name,
    rawName: word,
    value: hasValue ? words.shift() : undefined,
    inlineValue: hasValue ? false : undefined,
  };
}

/** `-abc`: letters without values, of which the last may have one, joined or as the next word. */
function readLetters(text: string, { words, spelling }: Rest): OptionToken[] {
  const tokens: OptionToken[] = [];
  const letters = [...text];
  for (let letter = letters.shift(); letter !== undefined; letter = letters.shift()) {
    const name = spelling.letters.get(letter) ?? letter;
    const rawName = `-${letter}`;
    const isValued = spelling.valued.has(name);
    const isJoined = letters.length > 0 && (isValued || letters[0] === "=");
    const hasNext = !isJoined && isValued && words.length > 0;
    tokens.push({
      kind: "option",
      name,
      rawName,
      value: isJoined ? letters.splice(0).join("") : hasNext ? words.shift() : undefined,
      inlineValue: isJoined ? true : hasNext ? false : undefined,
    });
  }
  return tokens;
}

const FALSE_WORDS: readonly string[] = ["0", "n", "no", "f", "false", "off"];

/** What Go reads as a boolean. */
const GO_BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const),
]);

/** One command line while it is read. */
class Reading {
  readonly #command: Command<Options>;
  readonly #names = new Map<string, string>();
  readonly #texts = new Map<string, string[]>();
  readonly #problems: string[] = [];
  readonly words: string[] = [];
  readonly given = new Set<string>();
  isHelp = false;

  constructor(command: Command<Options>) {
    this.#command = command;
    for (const [name, { aliases = [] }] of Object.entries(command.options)) {
      for (const word of [name, ...aliases]) this.#names.set(word, name);
    }
  }

  take(token: Token): void {
    if (token.kind === "positional") return this.#takeWord(token.value);
    if (token.name === "help") {
      this.isHelp = true;
      return;
    }
    const name = this.#names.get(token.name);
    if (name === undefined) return this.#unknown(token.rawName);
    const option = this.#command.options[name]!;
    if (option.kind !== "list" && this.given.has(name) && !this.#command.isGoStyle) {
      this.#problems.push(`--${name} cannot be given more than once`);
      return;
    }
    this.given.add(name);
    if (option.kind === "boolean") this.#takeBoolean(name, token);
    else this.#takeValue({ name, option }, token);
  }

  #takeWord(word: string): void {
    if (this.#command.hasWords) this.words.push(word);
    else this.#problems.push(`Unexpected argument "${word}"`);
  }

  #unknown(rawName: string): void {
    const shown = Object.entries(this.#command.options).filter(([, { hidden }]) => !hidden);
    const best = rawName.startsWith("--")
      ? nearest(rawName.slice(2), [...shown.map(([name]) => name), "help"])
      : undefined;
    const question = best === undefined ? "" : `; did you mean "--${best}"?`;
    this.#problems.push(`Unknown option "${rawName}"${question}`);
  }

  #takeBoolean(name: string, { value: given, rawName }: OptionToken): void {
    const value = rawName.startsWith("--") ? given : given?.replace(/^=/, "");
    const isSet = value === undefined ? true : GO_BOOLEANS.get(value);
    if (this.#command.isGoStyle && isSet !== undefined) {
      this.#texts.set(name, isSet ? ["true"] : []);
      return;
    }
    if (value !== undefined) {
      this.#problems.push(`--${name} takes no value, but was given "${value}"`);
    }
    this.#texts.set(name, ["true"]);
  }

  #takeValue({ name, option }: { name: string; option: ValueOption }, token: OptionToken): void {
    // `-f=value` reads like `--from=value`, though POSIX would make the `=` a part of the value.
    const isShortForm = !token.rawName.startsWith("--") && token.inlineValue;
    const text = isShortForm ? token.value?.replace(/^=/, "") : token.value ?? option.bare;
    const { isGoStyle = false } = this.#command;
    const isNextOption = !isGoStyle && !token.inlineValue && text !== undefined && /^-./.test(text);
    const isEmptyAllowed = option.isEmptyAllowed ?? isGoStyle;
    if (text === undefined || isNextOption || (text === "" && !isEmptyAllowed)) {
      this.#problems.push(
        `a value is required for '--${name} <${option.value}>' but none was supplied` +
          (isNextOption ? `; write --${name}=${text} if "${text}" is the value` : ""),
      );
      return;
    }
    const earlier = option.kind === "list" ? this.#texts.get(name) ?? [] : [];
    this.#texts.set(name, [...earlier, text]);
  }

  readEnvironment(environment: (name: string) => string | undefined): void {
    for (const [name, option] of Object.entries(this.#command.options)) {
      if (option.env === undefined || this.given.has(name)) continue;
      const text = environment(option.env);
      if (text === undefined) continue;
      if (text === "" && (option.kind === "boolean" || !option.isEmptyAllowed)) continue;
      if (option.kind === "boolean" && FALSE_WORDS.includes(text.toLowerCase())) continue;
      this.given.add(name);
      this.#texts.set(name, [text]);
    }
  }

  checkCombinations(): void {
    for (const name of this.given) {
      const { conflicts = [], requires = [] } = this.#command.options[name]!;
      for (const other of conflicts) {
        if (!this.given.has(other)) continue;
        this.#problems.push(`--${name} cannot be used together with --${other}`);
      }
      for (const other of requires) {
        if (!this.given.has(other)) this.#problems.push(`--${name} needs --${other} as well`);
      }
    }
  }

  values<O extends Options>(): OptionValues<O> {
    const entries = Object.entries(this.#command.options).map(([name, option]) => {
      const texts = this.#texts.get(name) ?? [];
      if (option.kind === "boolean") return [name, texts.length > 0];
      const parsed = texts.map((text) => this.#parse({ name, option }, text));
      return [name, option.kind === "list" ? parsed : parsed[0]];
    });
    return Object.fromEntries(entries);
  }

  #parse({ name, option }: { name: string; option: ValueOption }, text: string): unknown {
    if (!option.parse) return text;
    try {
      return option.parse(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const env = option.env === undefined ? "" : ` (or ${option.env})`;
      this.#problems.push(`Invalid value "${text}" for --${name}${env}: ${error.message}`);
      return undefined;
    }
  }

  throwIfAny(): void {
    if (this.#problems.length === 0) return;
    throw new UsageError(this.#problems.join("\n"), `See "${this.#command.name} --help".`);
  }
}
