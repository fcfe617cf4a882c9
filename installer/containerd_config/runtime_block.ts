/**
 * The text that registers a runtime with containerd. It is byte for byte what runtime-class-manager
 * writes, so that either removes what the other wrote.
 *
 * @module
 */

import { parse } from "smol-toml";
import { errorText, TerminalError } from "../../lib/errors.ts";

/** One runtime of containerd. */
export interface RuntimeSetting {
  /** The handler that RuntimeClasses name. */
  readonly name: string;
  /** Absolute path of the shim, or its name. */
  readonly runtimeType: string;
  /** Option → its value as TOML: `true`, `"text"`. */
  readonly options: Readonly<Record<string, string>>;
  /** Lines of other settings that somebody added; they are kept. */
  readonly extraLines?: readonly string[];
}

/** How a file is written. */
export interface BlockStyle {
  /** See `runtimePlugin()`. */
  readonly plugin: string;
  readonly newline: "\n" | "\r\n";
}

const BARE_KEY = /^[A-Za-z0-9_-]+$/;

/** The comment line above the runtime's tables, without a line end. */
export function blockMarker(name: string): string {
  return `# RCM runtime config for ${name}`;
}

/** The keys from the root of the document to the table of all runtimes. */
export function runtimesPath(plugin: string): readonly string[] {
  return ["plugins", plugin, "containerd", "runtimes"];
}

/**
 * The block to append. It begins with a line end, and ends with one only if it has no options: that
 * is how runtime-class-manager joins blocks.
 */
export function formatRuntimeBlock(
  { name, runtimeType, options, extraLines = [] }: RuntimeSetting,
  { plugin, newline }: BlockStyle,
): string {
  // The plugin of version 1 has a short name; everyone quotes the long ones.
  const table = `plugins.${BARE_KEY.test(plugin) ? plugin : JSON.stringify(plugin)}` +
    `.containerd.runtimes.${formatKey(name)}`;
  const lines = [
    "",
    blockMarker(name),
    `[${table}]`,
    `runtime_type = ${JSON.stringify(runtimeType)}`,
    ...extraLines,
  ];
  const values = Object.keys(options).sort().map((key) => `${key} = ${options[key]}`);
  if (values.length === 0) return lines.join(newline) + newline;
  return [...lines, `[${table}.options]`, ...values].join(newline);
}

/** The same setting as one key of an inline table. @param path The keys before the runtime's name. */
export function formatInlineRuntime(
  { name, runtimeType, options }: RuntimeSetting,
  path: readonly string[],
): string {
  const fields = [`runtime_type = ${JSON.stringify(runtimeType)}`];
  const values = Object.keys(options).sort().map((key) => `${key} = ${options[key]}`);
  if (values.length > 0) fields.push(`options = { ${values.join(", ")} }`);
  return `${[...path, name].map(formatKey).join(".")} = { ${fields.join(", ")} }`;
}

function formatKey(word: string): string {
  return BARE_KEY.test(word) ? word : JSON.stringify(word);
}

/** Names that runtimes may have: they stand in comments, in keys, and in RuntimeClasses. */
const RUNTIME_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;

/** Makes sure that names of runtimes are names. @throws {TerminalError} with every problem. */
export function checkRuntimeNames(names: readonly string[]): void {
  const wrong = names.filter((name) => !RUNTIME_NAME.test(name));
  if (wrong.length === 0) return;
  throw new TerminalError(
    "InvalidRuntimeName",
    wrong.map((name) =>
      `${JSON.stringify(name)} is no name of a runtime: use letters, digits, "-", "_" and ".".`
    ).join("\n"),
  );
}

/**
 * Makes sure that the options are options and nothing else: their text is pasted into a file that
 * containerd trusts.
 *
 * @throws {TerminalError} with every problem.
 */
export function checkRuntimeOptions(options: Readonly<Record<string, string>>): void {
  const problems = Object.entries(options).flatMap(([key, value]) => problemOf(key, value) ?? []);
  if (problems.length > 0) throw new TerminalError("InvalidRuntimeOptions", problems.join("\n"));
}

function problemOf(key: string, value: string): string | undefined {
  const what = `The runtime option ${JSON.stringify(key)} with the value ${JSON.stringify(value)}`;
  if (!BARE_KEY.test(key)) return `${what}: a name has letters, digits, "_" and "-" only.`;
  if (/[\r\n]/.test(value)) return `${what}: a value is one line.`;
  // K3s and RKE2 render what is written as a template.
  if (value.includes("{{")) return `${what}: "{{" is not allowed.`;
  try {
    const parsed = parse(`${key} = ${value}`);
    return Object.keys(parsed).length === 1 && !hasComment(value)
      ? undefined
      : `${what}: one value is allowed, and no comment.`;
  } catch (error) {
    const reason = errorText(error).split("\n", 1)[0];
    return `${what} is no TOML (${reason}). Text needs quotes of its own: '"text"'.`;
  }
}

/** A comment would swallow what follows on the line of an inline table. */
function hasComment(value: string): boolean {
  try {
    parse(`x = [${value}\n]`);
    parse(`x = [${value}]`);
    return false;
  } catch {
    // Only the form with a line of its own, or neither, is TOML.
    return true;
  }
}
