/**
 * The reference of commands, as manual pages have it, from the definitions that `--help` prints too.
 *
 * @module
 */

import { optionSignature } from "./command_help.ts";
import type { Command, Option, Options } from "./command_line.ts";

/** Exit codes of every command. */
const EXITS: Readonly<Record<number, string>> = {
  0: "It is done.",
  1: "It failed; standard error says why.",
  2: "The command line is wrong.",
  130: "It was ended by Ctrl-C.",
};

/** One command as a chapter of Markdown, without a newline at the end. */
export function formatReference(command: Command<Options>): string {
  const { name, summary, usage, examples, details = [], exits = {} } = command;
  return [
    `## ${name}`,
    section("Name", [`\`${name}\`: ${lowerFirst(summary)}`]),
    section("Synopsis", [codeBlock([`${name} ${usage}`])]),
    section("Description", [summary, ...details]),
    section("Options", optionLists(command)),
    section("Examples", [codeBlock(examples)]),
    section("Exit status", [
      Object.entries({ ...EXITS, ...exits }).map(([code, text]) => `- \`${code}\` ${text}`)
        .join("\n"),
    ]),
  ].join("\n\n");
}

function section(heading: string, paragraphs: readonly string[]): string {
  return [`### ${heading.toUpperCase()}`, ...paragraphs].join("\n\n");
}

/** Text that is to be read as it is. */
export function codeBlock(lines: readonly string[]): string {
  return ["```", ...lines, "```"].join("\n");
}

/** `Makes an app.` → `makes an app`. */
function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, "");
}

function optionLists({ options }: Command<Options>): string[] {
  const groups = new Map<string, string[]>();
  for (const [name, option] of Object.entries(options)) {
    if (option.hidden) continue;
    const group = option.group ?? "";
    groups.set(group, [...groups.get(group) ?? [], describeOption(name, option)]);
  }
  const help = "- `-h, --help`  \n  Print the help.";
  groups.set("", [...groups.get("") ?? [], help]);
  return [...groups].flatMap(([group, items]) => [
    ...group === "" ? [] : [`*${group}*`],
    items.join("\n"),
  ]);
}

function describeOption(name: string, option: Option): string {
  const facts = [
    ...option.kind === "list" ? ["May be repeated."] : [],
    ...option.kind !== "boolean" && option.default ? [`Default: \`${option.default}\`.`] : [],
    ...option.env ? [`Environment: \`${option.env}\`.`] : [],
    ...option.aliases
      ? [`Also: ${option.aliases.map((alias) => `\`--${alias}\``).join(", ")}.`]
      : [],
    ...option.conflicts
      ? [`Not together with ${option.conflicts.map((each) => `\`--${each}\``).join(", ")}.`]
      : [],
    ...option.requires
      ? [`Needs ${option.requires.map((each) => `\`--${each}\``).join(", ")}.`]
      : [],
  ];
  return `- \`${optionSignature(name, option)}\`  \n  ${
    [`${escapeMarkdown(option.help.replace(/ \(repeat\)$/, ""))}.`, ...facts].join(" ")
  }`;
}

/** Letters of a help text that Markdown would take for something else. */
function escapeMarkdown(text: string): string {
  return text.replace(/[*_<>|[\]]/g, "\\$&");
}
