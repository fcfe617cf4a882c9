/**
 * The option by which programs get results that are made for them.
 *
 * @module
 */

/** `-o, --output text|json`: text if it is not given. */
export const OUTPUT_OPTION = {
  kind: "value",
  short: "o",
  value: "text|json",
  default: "text",
  help: "Form of the result",
  parse: parseOutput,
} as const;

function parseOutput(text: string): "text" | "json" {
  if (text === "text" || text === "json") return text;
  throw new SyntaxError('give "text" or "json"');
}
