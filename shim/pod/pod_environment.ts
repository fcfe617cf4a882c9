/**
 * What a pod tells the host through its container's environment.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";
import type { LockedApp } from "../loader/locked_app.ts";
import { selectComponents } from "../loader/select_components.ts";

/** Reads one variable of the environment. */
export type Environment = (name: string) => string | undefined;

/** What an app is to listen on: the original runtime's address, which SpinKube's probes expect. */
const DEFAULT_LISTEN = "0.0.0.0:80";

/** Names of the command line's variables that are known under other names in pods. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  RUNTIME_CONFIG_FILE: ["SPIN_RUNTIME_CONFIG_FILE"],
};

/** Variables of `up` that mean nothing in a pod, where there is nothing to build. */
const NOT_FOR_PODS: readonly string[] = ["SPIN_ALWAYS_BUILD"];

const RETAIN = "SPIN_COMPONENTS_TO_RETAIN";
const VARIABLE_PREFIX = "SPIN_VARIABLE_";

/** The environment as the options of `up` see it in a pod: with other defaults and names. */
export function optionEnvironment(environment: Environment): Environment {
  return (name) => {
    if (NOT_FOR_PODS.includes(name)) return undefined;
    for (const candidate of [name, ...OTHER_NAMES[name] ?? []]) {
      const value = environment(candidate);
      if (value) return value;
    }
    return name === "SPIN_HTTP_LISTEN_ADDR" ? DEFAULT_LISTEN : environment(name);
  };
}

/**
 * The app with the components that `SPIN_COMPONENTS_TO_RETAIN` names, separated by commas. Without
 * names, all of it.
 * @throws {TerminalError} if a name is unknown, or one that stays calls one that does not.
 */
export function retainComponents(app: LockedApp, environment: Environment): LockedApp {
  const ids = (environment(RETAIN) ?? "").split(",").filter((id) => id !== "");
  try {
    return selectComponents(app, ids);
  } catch (error) {
    throw new TerminalError(
      "InvalidSelection",
      `failed to resolve application with only [${
        ids.map((id) => JSON.stringify(id)).join(", ")
      }] components retained by configured environment variable ${RETAIN}: ${errorText(error)}`,
      { cause: error },
    );
  }
}

/**
 * Variables of the app that the environment sets by their own names in capitals, as Secrets and
 * ConfigMaps do: they win over `SPIN_VARIABLE_…` of the same name, as SpinKube has it.
 * @returns Names and values of the variables of the environment to set.
 */
export function variablesByName(
  app: LockedApp,
  environment: Environment,
): (readonly [name: string, value: string])[] {
  return Object.keys(app.variables ?? {}).flatMap((variable) => {
    const name = variable.toUpperCase();
    const value = environment(name);
    return value === undefined ? [] : [[`${VARIABLE_PREFIX}${name}`, value] as const];
  });
}
