/**
 * The options of `new`.
 *
 * @module
 */

import { defineCommand, type OptionValues } from "../../../lib/command_line.ts";

/** The command `new`. */
export const NEW = defineCommand({
  name: "spinkube new",
  summary: "Makes an app from a template that is part of this program.",
  usage: "[TEMPLATE] NAME [OPTIONS]",
  details: [
    "The templates have the ids and the questions of Spin's own: `http-js`, `http-py`, `http-rust`, `http-ts` and `static-fileserver`. What is missing on the command line is asked for at a terminal; elsewhere, questions get their defaults, and template and name have to be given.",
    "A new directory appears when it is complete. Files that are there already are left alone without `--allow-overwrite`, and put back if something fails or Ctrl-C is pressed.",
  ],
  options: {
    template: { kind: "value", short: "t", value: "ID", help: "Template; --list shows them" },
    list: { kind: "boolean", help: "List the templates, and make nothing" },
    tag: {
      kind: "list",
      value: "TAG",
      help: "Choose among templates with this tag (repeat)",
      conflicts: ["template"],
    },
    output: {
      kind: "value",
      short: "o",
      value: "DIR",
      help: "Where to make the app; default: NAME",
      conflicts: ["init"],
    },
    init: { kind: "boolean", help: "Make the app in this directory" },
    value: {
      kind: "list",
      short: "v",
      value: "K=V",
      help: "Answer a question of the template (repeat)",
      parse: parseValue,
    },
    "values-file": { kind: "value", value: "FILE", help: "Answers as TOML; --value wins" },
    "accept-defaults": { kind: "boolean", short: "a", help: "Ask nothing that has a default" },
    "no-vcs": { kind: "boolean", help: "Make no .gitignore" },
    "allow-overwrite": {
      kind: "boolean",
      aliases: ["allow-overwrites"],
      help: "Replace files that are there already",
    },
  },
  examples: [
    "spinkube new shop -t http-ts",
    "spinkube new -t static-fileserver --init --value files-path=public site",
  ],
  hasWords: true,
});

/** What the user gave to `new`. */
export type NewValues = OptionValues<typeof NEW.options>;

function parseValue(text: string): readonly [name: string, value: string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new SyntaxError(`'${text}' should be in the form name=value`);
}
