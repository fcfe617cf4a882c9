/**
 * The mode `registry`.
 *
 * @module
 */

import { formatFullHelp, formatHelp } from "../../../lib/command_help.ts";
import {
  type Command,
  type Options,
  type OptionValues,
  parseCommandLine,
} from "../../../lib/command_line.ts";
import { UsageError } from "../../../lib/errors.ts";
import { nearest } from "../../../lib/nearest.ts";
import { untilStopped } from "../until_stopped.ts";
import { LOGIN, PULL, PUSH } from "./registry_options.ts";

const HELP = `Moves apps to and from registries of images.

Usage: spinkube registry COMMAND [OPTIONS]

Commands:
  push    Push an app to a registry
  pull    Pull an app from a registry
  login   Store a user and a password for a registry

Every command prints its options with --help.

Examples:
  spinkube registry push --build ghcr.io/me/app:v1
  spinkube registry login ghcr.io`;

const COMMANDS: Readonly<Record<string, Command<Options>>> = {
  push: PUSH,
  pull: PULL,
  login: LOGIN,
};

/** Runs `registry` with the arguments that follow it. @returns The exit code. */
export async function runRegistry(args: readonly string[]): Promise<number> {
  const [word, ...rest] = args;
  switch (word) {
    case "push":
      return await runParsed(PUSH, rest, runPush);
    case "pull":
      return await runParsed(PULL, rest, runPull);
    case "login":
      return await runParsed(LOGIN, rest, async (values, words) => {
        const { login } = await import("./login.ts");
        return await login(values, one(words, { what: "server", command: LOGIN.name }));
      });
    case undefined:
    case "help":
    case "--help":
    case "-h":
      console.log(HELP);
      return 0;
    default:
      throw unknownCommand(word);
  }
}

/**
 * All about a command below `registry`; about `registry` without one.
 * @throws {UsageError} if there is no such command.
 */
export function helpForRegistry(word: string | undefined): string {
  if (word === undefined) return HELP;
  if (!Object.hasOwn(COMMANDS, word)) throw unknownCommand(word);
  return formatFullHelp(COMMANDS[word]!);
}

async function runParsed<O extends Options>(
  command: Command<O>,
  args: readonly string[],
  run: (values: OptionValues<O>, words: readonly string[]) => Promise<number>,
): Promise<number> {
  const parsed = parseCommandLine(command, args, { environment: (name) => Deno.env.get(name) });
  if (parsed.kind === "run") return await run(parsed.values, parsed.words);
  console.log(formatHelp(command));
  return 0;
}

async function runPush(
  values: OptionValues<typeof PUSH.options>,
  words: readonly string[],
): Promise<number> {
  // Spin 3 took the value of this option as the next word.
  const choice = values.compose && words.length > 1 ? words.find(isBoolean) : undefined;
  const names = choice === undefined ? words : words.filter((word) => !isBoolean(word));
  const compose = choice === undefined ? values.compose : choice === "true";
  const text = one(names, { what: "reference", command: PUSH.name });
  const { push } = await import("./push_app.ts");
  return await untilStopped(async (signal) => {
    const { digest } = await push({ ...values, compose, signal }, text);
    if (values.output === "json") {
      console.log(JSON.stringify({ reference: text, digest: digest ?? null }, null, 2));
    } else if (digest === undefined) {
      console.log("Pushed; the registry did not return the digest");
    } else {
      console.log(`Pushed with digest ${digest}`);
    }
    return 0;
  });
}

function isBoolean(word: string): boolean {
  return word === "true" || word === "false";
}

async function runPull(
  values: OptionValues<typeof PULL.options>,
  words: readonly string[],
): Promise<number> {
  const text = one(words, { what: "reference", command: PULL.name });
  const { pull } = await import("./pull_app.ts");
  return await untilStopped(async (signal) => {
    const { cached: { reference, digest } } = await pull({ ...values, signal }, text);
    if (values.output === "json") console.log(JSON.stringify({ reference, digest }, null, 2));
    else console.log("Successfully pulled the app from the registry");
    return 0;
  });
}

function one(
  words: readonly string[],
  { what, command }: { what: string; command: string },
): string {
  const [word, ...others] = words;
  if (word !== undefined && others.length === 0) return word;
  throw new UsageError(
    word === undefined
      ? `The ${what} is missing`
      : others.map((other) => `Unexpected argument "${other}"`).join("\n"),
    `See "${command} --help".`,
  );
}

function unknownCommand(word: string): UsageError {
  const best = nearest(word, Object.keys(COMMANDS));
  return new UsageError(
    `Unknown command "registry ${word}"`,
    best === undefined
      ? 'See "spinkube registry --help".'
      : `Did you mean "spinkube registry ${best}"?`,
  );
}
