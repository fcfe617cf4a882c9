/**
 * The mode `new`: makes an app from a template.
 *
 * @module
 */

import { formatHelp } from "../../../lib/command_help.ts";
import { parseCommandLine } from "../../../lib/command_line.ts";
import { errorText, TerminalError } from "../../../lib/errors.ts";
import { relative } from "../../../lib/path.ts";
import { askLine } from "../registry/prompt.ts";
import { untilStopped } from "../until_stopped.ts";
import { toKebabCase } from "./app_name.ts";
import { findAuthors } from "./authors.ts";
import { type Choice, chooseApp } from "./choose_app.ts";
import { NEW, type NewValues } from "./new_options.ts";
import type { NewApp } from "./template.ts";
import { type Ask, checkValues, completeValues, parseValuesFile } from "./template_values.ts";
import { TEMPLATES } from "./templates.ts";
import { writeApp } from "./write_app.ts";

/** What to give where the input has ended. */
const ASKED = "the name, --template and --accept-defaults";

/**
 * Runs `new` with the arguments that follow it.
 * @returns The exit code.
 * @throws {UsageError | TerminalError} if the app cannot be made; nothing is written then.
 */
export async function runNew(args: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(NEW, args, { environment: (name) => Deno.env.get(name) });
  if (parsed.kind === "help") {
    console.log(formatHelp(NEW));
    return 0;
  }
  const { values, words } = parsed;
  if (values.list) {
    printTemplates(values.tag);
    return 0;
  }
  const isAsked = Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
  const ask: Ask | undefined = isAsked ? (question) => askLine(question, ASKED) : undefined;
  const cwd = Deno.cwd();
  const choice = await chooseApp(values, { words, templates: TEMPLATES, cwd, ask, tell });
  const app = await describe(choice, { values, ask });
  return await untilStopped((signal) => make(choice, { app, values, cwd, ask, signal }));
}

function printTemplates(tags: readonly string[]): void {
  const shown = TEMPLATES.filter((template) => tags.every((tag) => template.tags.includes(tag)));
  const width = Math.max(0, ...shown.map(({ id }) => id.length));
  for (const { id, description } of shown) console.log(`${id.padEnd(width)}  ${description}`);
}

async function describe(
  { template, name }: Choice,
  { values, ask }: { values: NewValues; ask: Ask | undefined },
): Promise<NewApp> {
  const path = values["values-file"];
  const given = new Map([
    ...path === undefined ? [] : parseValuesFile(await readValuesFile(path), path),
    ...values.value,
  ]);
  checkValues(template, given);
  const answers = await completeValues(template, given, {
    ask: values["accept-defaults"] ? undefined : ask,
    tell,
  });
  return {
    id: toKebabCase(name),
    authors: await findAuthors({
      run: runProgram,
      user: Deno.env.get("USER") ?? Deno.env.get("USERNAME"),
    }),
    value: (parameter) => answers.get(parameter) ?? "",
  };
}

async function readValuesFile(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new TerminalError(
      "UnreadableFile",
      `Failed to read text from values file ${path}: ${errorText(error)}`,
      { cause: error },
    );
  }
}

async function make(
  { template, directory }: Choice,
  { app, values, cwd, ask, signal }: {
    app: NewApp;
    values: NewValues;
    cwd: string;
    ask: Ask | undefined;
    signal: AbortSignal;
  },
): Promise<number> {
  const shown = relative(cwd, directory) || ".";
  const files = template.files(app)
    .filter(({ path }) => !(values["no-vcs"] && path.endsWith(".gitignore")));
  const isMade = await writeApp(directory, files, {
    allowOverwrite: values["allow-overwrite"],
    confirm: ask && ((question) => confirm(question, { ask, signal })),
    signal,
    shown,
  });
  if (!isMade) return 0;
  tell(`Made ${app.id} from ${template.id} in ${shown}`);
  if (template.needs !== undefined) tell(`Building it needs ${template.needs}; see README.md.`);
  const where = shown === "." ? "" : `cd ${shown} && `;
  tell(`Next: ${where}spinkube ${template.hasBuild ? "build --up" : "up"}`);
  return 0;
}

/** Ctrl-C is an answer too. */
async function confirm(
  question: string,
  { ask, signal }: { ask: Ask; signal: AbortSignal },
): Promise<boolean> {
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  const answer = await Promise.race([ask(`${question} (y/N) `), stopped]);
  return /^y(?:es)?$/i.test(answer.trim());
}

function tell(line: string): void {
  console.error(line);
}

async function runProgram(
  program: string,
  args: readonly string[],
): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
