/**
 * Whether a composed component is valid: the composer connects interfaces by their names, and does not
 * look at their types.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";
import { type ComposedDependency, explainMismatch } from "./compose/compose.ts";
import { describeComponent } from "./component_tools.ts";

/**
 * Validates what `composeSources` made. Loads the tools, which is slow.
 * @throws {TerminalError} if it is invalid, naming the dependency whose types differ.
 */
export async function checkComposition(
  composed: Uint8Array,
  dependencies: readonly Pick<ComposedDependency, "name" | "export">[],
): Promise<void> {
  try {
    await describeComponent(composed);
  } catch (error) {
    const [line] = errorText(error).split("\n", 1);
    throw explainMismatch(
      new TerminalError("CannotCompose", `the composed component is invalid: ${line}`, {
        cause: error,
      }),
      dependencies,
    );
  }
}
