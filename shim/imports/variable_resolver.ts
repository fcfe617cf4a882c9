/**
 * Values of app and component variables.
 *
 * Messages of this module never contain a value: any of them may be a secret.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";
import type { LockedApp, LockedComponent, LockedVariable } from "../loader/locked_app.ts";
import {
  checkVariableName,
  parseTemplate,
  type TemplatePart,
} from "../loader/variables_template.ts";
import { createRemoteLookup } from "./_remote_lookup.ts";
import { renderTemplate } from "./_render_template.ts";
import { DEFAULT_ENV_PREFIX, type VariableProviderConfig } from "./variable_providers.ts";
import { type MaybePromise, VariableError, type VariableSource } from "./component_context.ts";

/** Where values come from, strongest first; a manifest default comes last. */
export interface VariableResolverOptions {
  readonly app: LockedApp;
  /** `--variable`; the last of a name wins. */
  readonly variables: readonly (readonly [string, string])[];
  /** `[[variables_provider]]` in file order. */
  readonly providers: readonly VariableProviderConfig[];
  /** The process environment, asked at each lookup. */
  readonly environment: (name: string) => string | undefined;
  /** A `.env` file; the environment wins over it. */
  readonly dotenv: Readonly<Record<string, string>>;
}

/** Resolves the variables of one app. */
export interface VariableResolver {
  /**
   * @throws {TerminalError} naming every app variable that has neither a default nor a provider
   * with a value.
   */
  checkRequired(): void;
  /**
   * The variables of the component called `id`; none if there is no such component.
   * @throws {TerminalError} naming every template of the component that is not valid.
   */
  component(id: string): VariableSource;
  /** The value of an app variable. @throws {VariableError} synchronously or by rejection. */
  resolve(name: string): MaybePromise<string>;
  /**
   * A template with the values of app variables.
   * @throws {VariableError} by rejection, or a {@link SyntaxError} if it is none.
   */
  render(template: string): Promise<string>;
}

/** A source of values. */
interface Lookup {
  /** Undefined passes the question on. */
  get(name: string): MaybePromise<string | undefined>;
  /** It is not asked before the app starts: what it may have counts as there. */
  readonly isRemote: boolean;
}

/** Creates the resolver; it holds nothing that has to be closed. */
export function createVariableResolver(options: VariableResolverOptions): VariableResolver {
  const declared = options.app.variables ?? {};
  const lookups = createLookups(options);

  /** Asks the lookups from the one with the number `first`. */
  function find(name: string, first = 0): MaybePromise<string | undefined> {
    for (let i = first; i < lookups.length; i++) {
      const value = lookups[i]!.get(name);
      if (value instanceof Promise) return value.then((late) => late ?? find(name, i + 1));
      if (value !== undefined) return value;
    }
    return own(declared, name)?.default;
  }

  function resolve(name: string): MaybePromise<string> {
    if (!own(declared, name)) {
      throw new VariableError("other", `invalid template: unknown variable ${quote(name)}`);
    }
    const value = find(name);
    return value instanceof Promise
      ? value.then((late) => require(name, late))
      : require(name, value);
  }

  /** Whether there is a value, or may be one. */
  function mayResolve(name: string): boolean {
    return own(declared, name)?.default !== undefined ||
      lookups.some((lookup) => lookup.isRemote || lookup.get(name) !== undefined);
  }

  return {
    resolve,
    render: async (template) => await renderTemplate(parseTemplate(template), resolve),
    checkRequired() {
      const missing = Object.keys(declared).filter((name) => !mayResolve(name));
      if (missing.length === 0) return;
      throw new TerminalError(
        "MissingVariable",
        "no provider resolved required variable(s): " +
          `[${missing.map((name) => `Key(${quote(name)})`).join(", ")}]\n` +
          `Give a value with --variable ${missing[0]}=VALUE, or in the environment as ` +
          `SPIN_VARIABLE_${missing[0]!.toUpperCase()}.`,
      );
    },
    component(id) {
      const component = options.app.components.find((candidate) => candidate.id === id);
      const templates = component ? parseTemplates(component, declared) : new Map();
      return {
        get: (name) => renderTemplate(findTemplate(templates, { component: id, name }), resolve),
        names: () => [...templates.keys()],
      };
    },
  };
}

/** @throws {VariableError} if there is no value. */
function require(name: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new VariableError("provider", `no provider resolved required variable ${quote(name)}`);
}

function createLookups(options: VariableResolverOptions): Lookup[] {
  const flags = new Map(options.variables);
  const builtIn = { type: "env", prefix: DEFAULT_ENV_PREFIX, dotenv: options.dotenv } as const;
  return [
    { get: (name) => flags.get(name), isRemote: false },
    ...[...options.providers, builtIn].map((provider) => createLookup(provider, options)),
  ];
}

function createLookup(
  provider: VariableProviderConfig,
  { environment }: VariableResolverOptions,
): Lookup {
  switch (provider.type) {
    case "static":
      return { get: (name) => own(provider.values, name), isRemote: false };
    case "env":
      return {
        get(name) {
          const key = `${provider.prefix}_${name.toUpperCase()}`;
          return environment(key) ?? own(provider.dotenv, key);
        },
        isRemote: false,
      };
    default:
      return createRemoteLookup(provider, environment);
  }
}

function parseTemplates(
  component: LockedComponent,
  declared: Readonly<Record<string, LockedVariable>>,
): Map<string, TemplatePart[]> {
  const templates = new Map<string, TemplatePart[]>();
  const problems: string[] = [];
  for (const [name, text] of Object.entries(component.config ?? {})) {
    const where = `Component "${component.id}", variable "${name}": invalid template: `;
    const keyProblem = variableNameProblem(name);
    if (keyProblem) {
      problems.push(`Component "${component.id}": invalid variable name: ${keyProblem}`);
      continue;
    }
    try {
      const parts = parseTemplate(text);
      templates.set(name, parts);
      for (const part of parts) {
        if ("text" in part || own(declared, part.variable)) continue;
        problems.push(`${where}unknown variable ${quote(part.variable)}`);
      }
    } catch (error) {
      problems.push(where + errorText(error));
    }
  }
  if (problems.length > 0) throw new TerminalError("InvalidVariable", problems.join("\n"));
  return templates;
}

function findTemplate(
  templates: ReadonlyMap<string, TemplatePart[]>,
  { component, name }: { component: string; name: string },
): TemplatePart[] {
  const problem = variableNameProblem(name);
  if (problem) throw new VariableError("invalid-name", problem);
  const template = templates.get(name);
  if (template) return template;
  throw new VariableError("undefined", `no variable for ${quote(component)}.${quote(name)}`);
}

/** What is wrong with a variable's name, as `"<name>": <reason>`, or undefined. */
export function variableNameProblem(name: string): string | undefined {
  const reason = checkVariableName(name);
  return reason && `${quote(name)}: ${reason}`;
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
