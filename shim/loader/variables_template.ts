/**
 * Variable templates, text with `{{ name }}`, and the syntax of variable names.
 *
 * @module
 */

/** A piece of a template: literal text, or the name of a variable. */
export type TemplatePart = { readonly text: string } | { readonly variable: string };

/**
 * Splits a template. White space around a name is ignored; there is no escaping.
 * @throws {SyntaxError} if a `{{` is never closed.
 */
export function parseTemplate(template: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  for (;;) {
    const open = template.indexOf("{{", at);
    if (open < 0) break;
    const close = template.indexOf("}}", open + 2);
    if (close < 0) throw new SyntaxError("unmatched '{{' in template");
    if (open > at) parts.push({ text: template.slice(at, open) });
    parts.push({ variable: template.slice(open + 2, close).trim() });
    at = close + 2;
  }
  if (at < template.length) parts.push({ text: template.slice(at) });
  return parts;
}

/** The names a template mentions, each once. */
export function templateVariables(parts: readonly TemplatePart[]): string[] {
  return [...new Set(parts.flatMap((part) => "variable" in part ? [part.variable] : []))];
}

/**
 * Renders a template, or gives undefined if `resolve` gives undefined for one of its variables.
 */
export function renderTemplate(
  parts: readonly TemplatePart[],
  resolve: (variable: string) => string | undefined,
): string | undefined {
  let text = "";
  for (const part of parts) {
    const value = "text" in part ? part.text : resolve(part.variable);
    if (value === undefined) return undefined;
    text += value;
  }
  return text;
}

/** What is wrong with the name of a variable, or undefined if it is right. */
export function checkVariableName(name: string): string | undefined {
  if (name === "") return "must not be empty";
  const stranger = [...name].find((char) => !/[a-z0-9_]/.test(char));
  if (stranger !== undefined) {
    return `invalid character '${stranger}'. Variable names may contain only lower-case letters, ` +
      "numbers, and underscores.";
  }
  if (!/^[a-z]/.test(name)) return "must start with a lowercase ASCII letter";
  if (name.endsWith("_")) return "must end with a lowercase ASCII letter or digit";
  if (name.includes("__")) return "must not contain multiple consecutive underscores";
  return undefined;
}
