/**
 * Rendering of templates whose values may have to be fetched.
 *
 * @module
 */

import type { TemplatePart } from "../loader/variables_template.ts";
import type { MaybePromise } from "./component_context.ts";

/**
 * Renders a template with the values that `resolve` gives. The result is a promise only if one of
 * the values is.
 */
export function renderTemplate(
  parts: readonly TemplatePart[],
  resolve: (variable: string) => MaybePromise<string>,
): MaybePromise<string> {
  const values = parts.map((part) => "text" in part ? part.text : resolve(part.variable));
  return values.every((value) => typeof value === "string")
    ? values.join("")
    : Promise.all(values).then((all) => all.join(""));
}
