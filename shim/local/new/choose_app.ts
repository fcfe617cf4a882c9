/**
 * From what the user typed to what is made: which template, which name, where.
 *
 * @module
 */

import { UsageError } from "../../../lib/errors.ts";
import { suggest } from "../../../lib/nearest.ts";
import { basename, resolve } from "../../../lib/path.ts";
import { checkAppName, directoryOf } from "./app_name.ts";
import type { NewValues } from "./new_options.ts";
import type { Template } from "./template.ts";
import type { Ask } from "./template_values.ts";

/** What is made. */
export interface Choice {
  readonly template: Template;
  readonly name: string;
  /** Absolute. */
  readonly directory: string;
}

/** Options of {@link chooseApp}. */
export interface ChooseOptions {
  /** The words of the command line that belong to no option. */
  readonly words: readonly string[];
  readonly templates: readonly Template[];
  readonly cwd: string;
  /** Undefined: nobody can be asked. */
  readonly ask: Ask | undefined;
  /** Prints a line for the person who is asked. */
  readonly tell: (line: string) => void;
}

/**
 * Chooses, and asks for what is missing.
 * @throws {UsageError} with everything that is wrong, or missing where nobody can be asked.
 */
export async function chooseApp(values: NewValues, options: ChooseOptions): Promise<Choice> {
  const { cwd, tell, ask } = options;
  const given = readWords(values, options.words);
  const templates = withTags(options.templates, values.tag);
  const problems = checkGiven({ ...given, name: given.name ?? fallbackName(values, cwd) }, {
    ...options,
    templates,
  });
  if (problems.length > 0) {
    throw new UsageError(problems.join("\n"), 'See "spinkube new --help".');
  }
  if (given.template === undefined && templates.some(({ id }) => id === given.name)) {
    tell(
      `This will create an app called ${given.name}. ` +
        `If you meant to use the ${given.name} template, write '-t ${given.name}'.`,
    );
  }
  const template = options.templates.find(({ id }) => id === given.template) ??
    await askTemplate(templates, { ask: ask!, tell });
  const fallback = fallbackName(values, cwd);
  const name = given.name ??
    (ask ? await askName(isName(fallback) ? fallback : undefined, { ask, tell }) : fallback!);
  return {
    template,
    name,
    directory: values.init ? cwd : resolve(cwd, values.output ?? directoryOf(name)),
  };
}

interface Given {
  readonly template: string | undefined;
  readonly name: string | undefined;
}

/** One word is the name; of two, the first is the template, as in Spin 1. */
function readWords({ template }: NewValues, words: readonly string[]): Given {
  const [first, second, ...others] = words;
  if (others.length > 0) {
    throw new UsageError(others.map((word) => `Unexpected argument "${word}"`).join("\n"));
  }
  if (second === undefined) return { template, name: first };
  if (template !== undefined) {
    throw new UsageError("Cannot supply both positional and named template id");
  }
  return { template: first, name: second };
}

function withTags(templates: readonly Template[], tags: readonly string[]): readonly Template[] {
  const found = templates.filter((template) => tags.every((tag) => template.tags.includes(tag)));
  if (found.length > 0) return found;
  const all = [...new Set(templates.flatMap((template) => template.tags))].sort();
  throw new UsageError(
    tags.length === 1 ? `No templates matched '${tags[0]}'` : "No templates matched all tags",
    `There are the tags ${all.join(", ")}.`,
  );
}

function checkGiven(
  { template, name }: Given,
  { templates, ask }: Pick<ChooseOptions, "templates" | "ask">,
): string[] {
  const ids = templates.map(({ id }) => id);
  const problems: string[] = [];
  if (template !== undefined && !ids.includes(template)) {
    problems.push(`There is no template ${JSON.stringify(template)}; ${suggest(template, ids)}`);
  }
  if (template === undefined && !ask) {
    problems.push(`The template is missing; give --template with one of ${ids.join(", ")}`);
  }
  if (name === undefined && !ask) problems.push("The name of the app is missing");
  const problem = name === undefined ? undefined : checkAppName(name);
  if (problem !== undefined) problems.push(`Invalid name ${JSON.stringify(name)}: ${problem}`);
  return problems;
}

/** The name of the directory, where that is known and the app's is not. */
function fallbackName({ init, output }: NewValues, cwd: string): string | undefined {
  if (init) return basename(cwd);
  return output === undefined ? undefined : basename(resolve(cwd, output));
}

function isName(name: string | undefined): boolean {
  return name !== undefined && checkAppName(name) === undefined;
}

interface Dialogue {
  readonly ask: Ask;
  readonly tell: (line: string) => void;
}

async function askTemplate(
  templates: readonly Template[],
  { ask, tell }: Dialogue,
): Promise<Template> {
  tell("Pick a template to start your application with:");
  for (const [index, { id, description }] of templates.entries()) {
    tell(`  ${index + 1}  ${id} (${description})`);
  }
  for (;;) {
    const answer = (await ask("Number or name [1]: ")).trim() || "1";
    const found = templates.find(({ id }, index) => id === answer || String(index + 1) === answer);
    if (found) return found;
    tell(`There is no template ${JSON.stringify(answer)}`);
  }
}

async function askName(fallback: string | undefined, { ask, tell }: Dialogue): Promise<string> {
  for (;;) {
    const shown = fallback === undefined ? "" : ` [${fallback}]`;
    const answer = (await ask(`Enter a name for your new application${shown}: `)).trim() ||
      (fallback ?? "");
    const problem = answer === "" ? "Name is required" : checkAppName(answer);
    if (problem === undefined) return answer;
    tell(problem);
  }
}
