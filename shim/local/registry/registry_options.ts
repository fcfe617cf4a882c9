/**
 * The options of `registry push`, `pull` and `login`.
 *
 * @module
 */

import { defineCommand } from "../../../lib/command_line.ts";

const INSECURE = {
  kind: "boolean",
  short: "k",
  aliases: ["plain-http"],
  help: "Speak plain HTTP with the registry",
} as const;

const CACHE_DIR = {
  kind: "value",
  value: "DIR",
  help: "Where what was pulled and pushed is kept",
} as const;

const OUTPUT = {
  kind: "value",
  value: "text|json",
  default: "text",
  help: "How the result is printed",
  parse: parseOutput,
} as const;

/** The command `registry push`. */
export const PUSH = defineCommand({
  name: "spinkube registry push",
  summary: "Pushes an app to a registry.",
  usage: "[OPTIONS] REFERENCE",
  details: [
    "What is pushed is what Spin pushes: the same app gets the same digest. Credentials are those of `registry login`, else Docker's.",
    "With `--compose=false`, and where a dependency has not inherited something that it imports, dependencies are layers beside their component; hosts put them together when they start the app.",
  ],
  options: {
    from: {
      kind: "value",
      short: "f",
      aliases: ["file"],
      value: "APP",
      help: "Manifest, or its directory",
    },
    profile: { kind: "value", value: "NAME", help: "Build profile of the manifest" },
    build: { kind: "boolean", env: "SPIN_ALWAYS_BUILD", help: "Build the app first" },
    annotation: {
      kind: "list",
      value: "K=V",
      help: "Annotate the image; wins over what the app says (repeat)",
      parse: parseAnnotation,
    },
    insecure: INSECURE,
    "cache-dir": CACHE_DIR,
    output: OUTPUT,
    compose: {
      kind: "value",
      value: "BOOL",
      bare: "true",
      default: "true",
      help: "Make one Wasm file of each component and its dependencies",
      parse: parseBoolean,
    },
  },
  examples: [
    "spinkube registry push --build ghcr.io/me/app:v1",
    "spinkube registry push --insecure localhost:5000/app:dev",
  ],
  hasWords: true,
  isGoStyle: true,
});

/** The command `registry pull`. */
export const PULL = defineCommand({
  name: "spinkube registry pull",
  summary: "Pulls an app from a registry, so that `up` has it at hand.",
  usage: "[OPTIONS] REFERENCE",
  options: { insecure: INSECURE, "cache-dir": CACHE_DIR, output: OUTPUT },
  examples: [
    "spinkube registry pull ghcr.io/me/app:v1",
    "spinkube registry pull --insecure localhost:5000/app:dev",
  ],
  hasWords: true,
});

/** The command `registry login`. */
export const LOGIN = defineCommand({
  name: "spinkube registry login",
  summary: "Stores a user and a password for a registry, where Spin finds them as well.",
  usage: "[OPTIONS] SERVER",
  options: {
    username: { kind: "value", short: "u", value: "NAME", help: "User; asked for if missing" },
    password: {
      kind: "value",
      short: "p",
      value: "TEXT",
      help: "Password or token; asked for if missing",
      conflicts: ["password-stdin"],
    },
    "password-stdin": { kind: "boolean", help: "Read the password from standard input" },
    insecure: INSECURE,
  },
  examples: [
    "spinkube registry login ghcr.io -u me",
    "echo $TOKEN | spinkube registry login ghcr.io -u me --password-stdin",
  ],
  hasWords: true,
});

function parseAnnotation(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new SyntaxError(`Annotation must be of the form \`key=value\``);
}

function parseBoolean(text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new SyntaxError('give "true" or "false"');
}

function parseOutput(text: string): "text" | "json" {
  if (text === "text" || text === "json") return text;
  throw new SyntaxError('give "text" or "json"');
}
