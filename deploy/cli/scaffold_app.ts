/**
 * The options of `kube scaffold` held against the app that they are for.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { suggest } from "../../lib/nearest.ts";
import { type AppOutline, checkSelection, type OutlineVariable } from "../../shim/loader/mod.ts";
import type { ScaffoldValues } from "./scaffold_options.ts";

/** What {@link compareOptions} found. */
export interface OptionComparison {
  /** The app would not start, or not as meant. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Checks that components and variables are those of the app, and that none is missing. */
export function compareOptions(values: ScaffoldValues, app: AppOutline): OptionComparison {
  const names = app.variables.map(({ name }) => name);
  const unknown = givenVariables(values).filter((name) => !names.includes(name)).map((name) =>
    `the app has no variable "${name}"; ${suggest(name, names)}`
  );
  const missing = findMissing(values, app).map(({ name, isSecret }) =>
    `the app does not start without its variable "${name}"; give ` +
    (isSecret ? `--variable-from ${name}=secret:NAME/KEY` : `--variable ${name}=VALUE`)
  );
  return { problems: [...componentProblems(values, app), ...unknown], warnings: missing };
}

/** Required variables without a value, as comments to be filled in; empty if there are none. */
export function missingVariables(
  values: ScaffoldValues,
  { app, name }: { app: AppOutline; name: string },
): string {
  const missing = findMissing(values, app);
  if (missing.length === 0) return "";
  const lines = missing.flatMap(({ name: variable, isSecret }) => [
    `# - name: ${variable}`,
    isSecret
      ? `#   valueFrom: {secretKeyRef: {name: ${name}-variables, key: ${variable}}}`
      : '#   value: ""',
  ]);
  const heading = "# The app does not start without these; put them into variables:";
  return [heading, ...lines].map((line) => `  ${line}\n`).join("");
}

function componentProblems(values: ScaffoldValues, app: AppOutline): string[] {
  const components = values.component.flat();
  if (components.length === 0) return [];
  try {
    checkSelection(app.components, components);
    return [];
  } catch (error) {
    if (error instanceof TerminalError) return [error.message];
    throw error;
  }
}

function findMissing(values: ScaffoldValues, app: AppOutline): OutlineVariable[] {
  const given = givenVariables(values);
  return app.variables.filter(({ name, isRequired }) => isRequired && !given.includes(name));
}

function givenVariables(values: ScaffoldValues): string[] {
  return [...values.variable.flat(), ...values["variable-from"]].map(([name]) => name);
}
