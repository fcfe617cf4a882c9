/**
 * `wasi:config/store@0.2.0-draft-2024-09-27`: the component's variables under another name.
 *
 * @module
 */

import { mapFailure } from "./_failure.ts";
import {
  type ComponentContext,
  type ImportObject,
  type MaybePromise,
  VariableError,
} from "./component_context.ts";

/** The variant `error`. */
interface ConfigError {
  readonly tag: "upstream" | "io";
  readonly val: string;
}

/** The configuration interface of one component. */
export function createWasiConfig(component: ComponentContext): ImportObject {
  const { variables } = component;

  function get(key: string): MaybePromise<string | undefined> {
    const value = settle(() => variables.get(key));
    return value instanceof Promise ? value.then(orNone) : orNone(value);
  }

  function getAll(): MaybePromise<[string, string][]> {
    const names = variables.names();
    return mapFailure(() => {
      const values = names.map((name) => variables.get(name));
      return values.every((value) => typeof value === "string")
        ? zip(names, values)
        : Promise.all(values).then((resolved) => zip(names, resolved));
    }, toConfigError);
  }

  return { "wasi:config/store@0.2.0-draft-2024-09-27": { get, getAll } };
}

/** A value, or why there is none. */
type Outcome = { readonly value: string } | { readonly error: unknown };

function settle(action: () => MaybePromise<string>): MaybePromise<Outcome> {
  try {
    const value = action();
    return value instanceof Promise
      ? value.then((value) => ({ value }), (error) => ({ error }))
      : { value };
  } catch (error) {
    return { error };
  }
}

/** @throws {ConfigError} unless there is a value, or the name stands for none. */
function orNone(outcome: Outcome): string | undefined {
  if ("value" in outcome) return outcome.value;
  const { error } = outcome;
  const isNone = error instanceof VariableError &&
    (error.kind === "undefined" || error.kind === "invalid-name");
  if (isNone) return undefined;
  throw toConfigError(error);
}

/** Anything but a {@link VariableError} is a defect of the host and traps. */
function toConfigError(error: unknown): unknown {
  if (!(error instanceof VariableError)) return error;
  return {
    tag: error.kind === "provider" ? "upstream" : "io",
    val: error.message,
  } satisfies ConfigError;
}

function zip(names: readonly string[], values: readonly string[]): [string, string][] {
  return names.map((name, i) => [name, values[i]!]);
}
