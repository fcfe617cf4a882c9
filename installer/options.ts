/**
 * The command lines of the mode `installer`. Names, short forms and environment variables of
 * runtime-class-manager's node installer are accepted as they are.
 *
 * @module
 */

import { type Command, defineCommand, type Options } from "../lib/command_line.ts";

/** What every command has. */
const COMMON = {
  runtime: {
    kind: "value",
    short: "r",
    value: "NAME",
    env: "RCM_RUNTIME",
    default: "containerd",
    help: "Name of the shim, for commands about one; install ignores it",
  },
  "runtime-config": {
    kind: "value",
    short: "c",
    value: "PATH",
    env: "RCM_RUNTIME_CONFIG",
    help: "containerd's configuration on the node; default: found by itself",
  },
  "rcm-path": {
    kind: "value",
    short: "k",
    value: "DIR",
    env: "RCM_RCM_PATH",
    default: "/opt/rcm",
    help: "Directory on the node for shims and what is known of them",
    parse: absolutePath,
  },
  "host-root": {
    kind: "value",
    short: "H",
    value: "DIR",
    env: "RCM_HOST_ROOT",
    default: "/",
    help: "Where the node's root is mounted",
    parse: absolutePath,
  },
  json: { kind: "boolean", help: "Log, and print results, as JSON" },
} as const satisfies Options;

/** What commands have that change a node. */
const CHANGING = {
  "dry-run": { kind: "boolean", help: "Print what would change, and change nothing" },
  "no-restart": {
    kind: "boolean",
    help: "Write files only; containerd is restarted by someone else",
  },
  timeout: {
    kind: "value",
    value: "SECONDS",
    default: "120",
    help: "Time for the restart of containerd, and again until it serves",
    parse: seconds,
  },
} as const satisfies Options;

/** Where a shim comes from. */
const SOURCE = {
  "asset-path": {
    kind: "value",
    short: "a",
    value: "PATH",
    env: "RCM_ASSET_PATH",
    default: "/assets",
    help: "Program to install, or directory of programs",
    parse: absolutePath,
  },
  source: {
    kind: "value",
    value: "SOURCE",
    help: "bundled (this program's own shim), a directory, the URL of an archive, or oci://…",
  },
  sha256: {
    kind: "value",
    value: "DIGEST",
    help: "SHA-256 that the archive must have",
  },
  "shim-name": {
    kind: "value",
    value: "NAME",
    help: "Name of the shim that is fetched",
  },
  platform: {
    kind: "value",
    value: "OS/ARCH",
    help: "Platform of the node, as linux/amd64; default: that of this machine",
    parse: architecture,
  },
  "ca-file": {
    kind: "value",
    value: "PATH",
    help: "Certificates to trust beside the usual ones, in PEM form",
  },
  "registry-config": {
    kind: "value",
    value: "PATH",
    help: "Credentials for registries: Docker's config.json",
  },
} as const satisfies Options;

/** Exit codes of what looks at, or changes, a node. */
const EXITS = {
  3: "The node is not supported.",
  4: "What is to be installed, or what is installed, is not what it should be.",
  5: "containerd did not take it, and everything was taken back.",
} as const;

/** `installer install`. */
export const INSTALL = defineCommand({
  name: "spinkube installer install",
  summary: "Installs shims on this node and lets containerd have them.",
  usage: "[OPTIONS]",
  exits: EXITS,
  isGoStyle: true,
  options: {
    ...COMMON,
    ...SOURCE,
    handler: {
      kind: "list",
      value: "NAME",
      env: "RCM_HANDLERS",
      help: "Runtime handler beside the shim's own name",
    },
    "runtime-option": {
      kind: "list",
      value: "KEY=VALUE",
      help: "Option for the shim, its value as TOML; beside those in RUNTIME_OPTIONS",
      parse: keyValue,
    },
    "force-options": {
      kind: "boolean",
      help: "Write options on distributions that ignore them too",
    },
    "no-aliases": { kind: "boolean", help: 'Do not add the handler "spin" for shims of Spin' },
    "print-config": {
      kind: "boolean",
      help: "Print the configuration as it would be; implies --dry-run",
    },
    ...CHANGING,
  },
  examples: [
    "spinkube installer install --source bundled --dry-run",
    "spinkube installer install -H /mnt/node-root -a /assets",
  ],
});

/** `installer uninstall`. */
export const UNINSTALL = defineCommand({
  name: "spinkube installer uninstall",
  summary: "Takes a shim off this node.",
  usage: "-r NAME | --all [OPTIONS]",
  exits: EXITS,
  isGoStyle: true,
  options: {
    ...COMMON,
    all: { kind: "boolean", help: "Every shim that is installed", conflicts: ["runtime"] },
    ...CHANGING,
  },
  examples: [
    "spinkube installer uninstall -r spin-v2 --dry-run",
    "spinkube installer uninstall -H /mnt/node-root -r spin-v2",
  ],
});

/** `installer status`. */
export const STATUS = defineCommand({
  name: "spinkube installer status",
  summary: "Prints what is installed on this node.",
  usage: "[OPTIONS]",
  isGoStyle: true,
  options: COMMON,
  examples: ["spinkube installer status", "spinkube installer status --json"],
});

/** `installer doctor`. */
export const DOCTOR = defineCommand({
  name: "spinkube installer doctor",
  summary: "Looks for what is wrong with this node and says what helps.",
  usage: "[OPTIONS]",
  isGoStyle: true,
  options: COMMON,
  examples: ["spinkube installer doctor", "spinkube installer doctor -H /mnt/node-root"],
});

/** `installer verify`. */
export const VERIFY = defineCommand({
  name: "spinkube installer verify",
  summary: "Checks that a shim is in place and that containerd has it; exits with 4 if not.",
  usage: "[-r NAME] [OPTIONS]",
  exits: EXITS,
  isGoStyle: true,
  options: {
    ...COMMON,
    handler: {
      kind: "list",
      value: "NAME",
      env: "RCM_HANDLERS",
      help: "Handler that it must have",
    },
    sha256: { kind: "value", value: "DIGEST", help: "SHA-256 that the program must have" },
  },
  examples: [
    "spinkube installer verify -r spin-v2",
    "spinkube installer verify -r spin-v2 --handler spin",
  ],
});

/** `installer fetch`. */
export const FETCH = defineCommand({
  name: "spinkube installer fetch",
  summary: "Fetches a shim into a directory, verified, without touching the node.",
  usage: "[OPTIONS]",
  isGoStyle: true,
  options: {
    ...SOURCE,
    source: { ...SOURCE.source, env: "SHIM_LOCATION" },
    sha256: { ...SOURCE.sha256, env: "SHIM_SHA256" },
    "shim-name": { ...SOURCE["shim-name"], env: "SHIM_NAME" },
    "ca-file": { ...SOURCE["ca-file"], env: "SHIM_CA_FILE" },
    "registry-config": { ...SOURCE["registry-config"], env: "SHIM_REGISTRY_CONFIG" },
    "num-retry": {
      kind: "value",
      value: "NUMBER",
      env: "NUM_RETRY",
      default: "3",
      help: "Tries after the first one",
      parse: seconds,
    },
    "sleep-duration": {
      kind: "value",
      value: "SECONDS",
      env: "SLEEP_DURATION",
      default: "2",
      help: "Pause between two tries",
      parse: seconds,
    },
    json: { kind: "boolean", help: "Log as JSON" },
  },
  examples: [
    "spinkube installer fetch --shim-name spin-v2 --source bundled",
    "spinkube installer fetch --shim-name spin-v2 --source https://example.com/shim.tar.gz",
  ],
});

/** The commands by their words. */
export const COMMANDS: Readonly<Record<string, Command<Options>>> = {
  install: INSTALL,
  uninstall: UNINSTALL,
  status: STATUS,
  doctor: DOCTOR,
  verify: VERIFY,
  fetch: FETCH,
};

function absolutePath(text: string): string {
  if (!text.startsWith("/")) throw new SyntaxError("it has to be an absolute path");
  return text;
}

function seconds(text: string): number {
  const number = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text) && number <= 86_400) return number;
  throw new SyntaxError("it has to be a number from 0 to 86400");
}

/** Names of architectures, Go's and the kernel's. */
const ARCHITECTURES: Readonly<Record<string, "x86_64" | "aarch64">> = {
  amd64: "x86_64",
  x86_64: "x86_64",
  arm64: "aarch64",
  aarch64: "aarch64",
};

function architecture(text: string): "x86_64" | "aarch64" {
  const [os, name = ""] = text.toLowerCase().split("/");
  const found = ARCHITECTURES[name];
  if (os !== "linux" || found === undefined) {
    throw new SyntaxError("known are linux/amd64 and linux/arm64");
  }
  return found;
}

function keyValue(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new SyntaxError("it has to be KEY=VALUE");
  return [text.slice(0, at), text.slice(at + 1)];
}
