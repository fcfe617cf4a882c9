/**
 * `fermyon:spin/config` (v1), `fermyon:spin/variables@2.0.0` and `spin:variables@3.0.0`, which is
 * asynchronous and the same otherwise.
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

/** The v1 variant has no case of its own for a variable that does not exist. */
const CONFIG_CASES = {
  "invalid-name": "invalid-key",
  "undefined": "provider",
  "provider": "provider",
  "other": "other",
} as const;

/** The variables interfaces of one component. */
export function createSpinVariables(component: ComponentContext): ImportObject {
  function get(
    name: string,
    caseOf: (kind: VariableError["kind"]) => string,
  ): MaybePromise<string> {
    return mapFailure(
      () => component.variables.get(name),
      // Anything else is a defect of the host and traps.
      (error) =>
        error instanceof VariableError ? { tag: caseOf(error.kind), val: error.message } : error,
    );
  }
  const variables = { get: (name: string) => get(name, (kind) => kind) };
  return {
    "fermyon:spin/config": { getConfig: (name: string) => get(name, (kind) => CONFIG_CASES[kind]) },
    "fermyon:spin/variables@2.0.0": variables,
    "spin:variables/variables@3.0.0": variables,
  };
}
