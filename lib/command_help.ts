/**
 * Help texts of commands.
 *
 * @module
 */

import type { Command, Option, Options } from "./command_line.ts";

/** Columns of the narrowest terminal that the short help is made for. */
const WIDTH = 80;
/** A command with more options shows them grouped, several to a line. */
const MAX_LISTED = 12;

/**
 * The help that fits a screen: 24 lines of 80 columns. Many options are listed by group, and
 * the reader is sent to {@link formatFullHelp}.
 */
export function formatHelp(command: Command<Options>): string {
  const shown = visible(command);
  const isListed = shown.length <= MAX_LISTED;
  const options = isListed ? listOptions(shown) : groupOptions(shown);
  const more = isListed ? [] : [`All about each option: ${fullHelpCommand(command.name)}`, ""];
  return frame(command, [...options, ...more]);
}

/** The help with one paragraph per option: what it does, its default, its environment variable. */
export function formatFullHelp(command: Command<Options>): string {
  const lines: string[] = [];
  for (const [group, options] of byGroup(visible(command))) {
    lines.push(`${group}:`);
    for (const [name, option] of options) {
      const facts = [
        ...(option.kind === "list" ? ["may be repeated"] : []),
        ...(option.kind !== "boolean" && option.default ? [`default: ${option.default}`] : []),
        ...(option.env ? [`environment: ${option.env}`] : []),
      ];
      lines.push(`  ${optionSignature(name, option)}`);
      lines.push(
        ...wrap(option.help + (facts.length > 0 ? ` (${facts.join("; ")})` : ""), "      "),
      );
    }
    lines.push("");
  }
  return frame(command, lines);
}

function frame({ name, summary, usage, examples }: Command<Options>, body: string[]): string {
  return [
    summary,
    "",
    `Usage: ${name} ${usage}`,
    "",
    ...body,
    "Examples:",
    ...examples.map((example) => `  ${example}`),
  ].join("\n");
}

/** `spinkube up` → `spinkube help up`. */
function fullHelpCommand(name: string): string {
  const [program, ...words] = name.split(" ");
  return [program, "help", ...words].join(" ");
}

type Entry = readonly [name: string, option: Option];

function visible(command: Command<Options>): Entry[] {
  return Object.entries(command.options).filter(([, { hidden }]) => !hidden);
}

/** An option as it is written: `-f, --from APP`. */
export function optionSignature(name: string, option: Option): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  if (option.kind === "boolean") return `${short}--${name}`;
  const value = option.bare === undefined ? ` ${option.value}` : `[=${option.value}]`;
  return `${short}--${name}${value}`;
}

function listOptions(entries: Entry[]): string[] {
  const rows = [
    ...entries.map(([name, option]) => [optionSignature(name, option), option.help] as const),
    ["-h, --help", "Print this help"] as const,
  ];
  const width = Math.max(...rows.map(([left]) => left.length));
  return ["Options:", ...rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`), ""];
}

function groupOptions(entries: Entry[]): string[] {
  return [
    ...[...byGroup(entries)].flatMap(([group, options]) => {
      const names = options.map(([name, option]) =>
        `${optionSignature(name, option)} `.replaceAll(" ", "\0")
      );
      const [first = "", ...rest] = wrap(`${group}: ${names.join(" ")}`, "    ");
      return [first.trimStart(), ...rest].map((line) => line.replaceAll("\0", " ").trimEnd());
    }),
    "",
  ];
}

function byGroup(entries: Entry[]): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const group = entry[1].group ?? "Options";
    groups.set(group, [...groups.get(group) ?? [], entry]);
  }
  return groups;
}

function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(/ +/)) {
    if (line.length + word.length + 1 > WIDTH && line.trim() !== "") {
      lines.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  return [...lines, line];
}
