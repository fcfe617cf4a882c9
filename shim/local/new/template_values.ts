/**
 * The answers to what a template asks.
 *
 * @module
 */

import { parse, TomlError } from "smol-toml";
import { errorText, TerminalError, UsageError } from "../../../lib/errors.ts";
import { suggest } from "../../../lib/nearest.ts";
import type { Parameter, Template } from "./template.ts";

/** Asks a person. @returns what was typed, without the end of the line. */
export type Ask = (question: string) => Promise<string>;

/**
 * Reads the text of a values file: `name = "value"`, one a line.
 * @throws {TerminalError} with everything that is wrong.
 */
export function parseValuesFile(text: string, path: string): ReadonlyMap<string, string> {
  let root: Record<string, unknown>;
  try {
    root = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new TerminalError(
      "InvalidValues",
      `Failed to deserialize values file ${path}: ${errorText(error)}`,
      { cause: error },
    );
  }
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (const [name, value] of Object.entries(root)) {
    if (typeof value === "string") values.set(name, value);
    else problems.push(`${name} is ${JSON.stringify(value)}, but has to be a text in quotes`);
  }
  if (problems.length === 0) return values;
  throw new TerminalError(
    "InvalidValues",
    problems.map((problem) => `Failed to deserialize values file ${path}: ${problem}`).join("\n"),
  );
}

/**
 * Refuses values that the template does not ask for, or does not take. In the original's words.
 * @throws {UsageError} with everything that is wrong.
 */
export function checkValues(template: Template, given: ReadonlyMap<string, string>): void {
  const problems: string[] = [];
  for (const [name, value] of given) {
    const parameter = template.parameters.find(({ id }) => id === name);
    const problem = parameter?.check(value);
    if (!parameter) {
      const others = suggest(name, template.parameters.map(({ id }) => id));
      problems.push(`Template does not contain a parameter named '${name}'; ${others}`);
    } else if (problem !== undefined) problems.push(`${name}: ${problem}`);
  }
  if (problems.length === 0) return;
  throw new UsageError(
    "The following provided value(s) are invalid according to the template:\n" +
      problems.map((problem) => `- ${problem}`).join("\n"),
  );
}

/**
 * Completes the values that were given: with answers, or with defaults where nobody is asked.
 * @param options.ask Undefined: take defaults.
 * @param options.tell Says what is wrong with an answer, which is then asked for again.
 */
export async function completeValues(
  template: Template,
  given: ReadonlyMap<string, string>,
  { ask, tell }: { ask: Ask | undefined; tell: (line: string) => void },
): Promise<ReadonlyMap<string, string>> {
  const values = new Map(given);
  for (const parameter of template.parameters) {
    if (values.has(parameter.id)) continue;
    values.set(parameter.id, ask ? await askFor(parameter, { ask, tell }) : parameter.default);
  }
  return values;
}

async function askFor(
  parameter: Parameter,
  { ask, tell }: { ask: Ask; tell: (line: string) => void },
): Promise<string> {
  const shown = parameter.default === "" ? "" : ` [${parameter.default}]`;
  for (;;) {
    const answer = (await ask(`${parameter.prompt}${shown}: `)).trim() || parameter.default;
    const problem = parameter.check(answer);
    if (problem === undefined) return answer;
    tell(`Invalid value: ${problem}`);
  }
}
