/**
 * All commands for people, with their options.
 *
 * @module
 */

import type { Command, Options } from "../../lib/command_line.ts";

/** A word or an option that can come next. */
export interface Candidate {
  readonly text: string;
  /** One line. */
  readonly help: string;
}

/** What can follow the words of `path`. */
export interface TreeNode {
  /** `[]`, `["kube"]`, `["kube", "scaffold"]`. */
  readonly path: readonly string[];
  readonly candidates: readonly Candidate[];
}

/** Every command, the program itself first. */
export async function commandTree(): Promise<TreeNode[]> {
  const commands = await allCommands();
  const nodes = commands.map((command): TreeNode => ({
    path: command.name.split(" ").slice(1),
    candidates: optionsOf(command),
  }));
  const groups: TreeNode[] = [[], ["registry"], ["kube"]].map((path) => ({
    path,
    candidates: childrenOf(path, commands),
  }));
  const alias = nodes.filter(({ path }) => path.join(" ") === "kube completion")
    .map(({ candidates }) => ({ path: ["completion"], candidates }));
  return [...groups, ...nodes, ...alias];
}

/** Every command that is defined for people, without those of a node. */
export async function allCommands(): Promise<Command<Options>[]> {
  const [
    { NEW },
    { UP },
    { BUILD },
    { WATCH },
    { INSPECT },
    { DOCTOR },
    registry,
    { kubeCommands },
    { CLUSTER_DOCTOR },
    { DEPLOY },
  ] = await Promise.all([
    import("../../shim/local/new/new_options.ts"),
    import("../../shim/local/up_options.ts"),
    import("../../shim/local/build.ts"),
    import("../../shim/local/watch/watch_options.ts"),
    import("../../shim/local/inspect/inspect_options.ts"),
    import("../../shim/local/doctor/doctor_options.ts"),
    import("../../shim/local/registry/registry_options.ts"),
    import("./kube_main.ts"),
    import("./doctor/doctor_options.ts"),
    import("./deploy_options.ts"),
  ]);
  const { PUSH, PULL, LOGIN } = registry;
  return [
    NEW,
    UP,
    BUILD,
    WATCH,
    INSPECT,
    DOCTOR,
    CLUSTER_DOCTOR,
    PUSH,
    PULL,
    LOGIN,
    DEPLOY,
    ...await kubeCommands(),
  ];
}

/** Helps of words that are no commands by themselves, or none that are defined. */
const WORDS: Readonly<Record<string, string>> = {
  registry: "Push an app to a registry, or pull one",
  kube: "Make and manage apps on Kubernetes",
  completion: "Print what makes a shell complete commands",
  version: "Print the version",
  help: "Print all about a command",
};

function childrenOf(path: readonly string[], commands: readonly Command<Options>[]): Candidate[] {
  const children = new Map<string, string>();
  for (const { name, summary } of commands) {
    const words = name.split(" ").slice(1);
    if (!path.every((word, index) => words[index] === word)) continue;
    const word = words[path.length];
    if (word === undefined) continue;
    const isLast = words.length === path.length + 1;
    if (isLast) children.set(word, summary.replace(/\.$/, ""));
    else if (!children.has(word)) children.set(word, WORDS[word] ?? "");
  }
  if (path.length === 0) {
    for (const [word, help] of Object.entries(WORDS)) children.set(word, help);
  }
  return [...children].map(([text, help]) => ({ text, help }));
}

function optionsOf({ options, name }: Command<Options>): Candidate[] {
  const shown = Object.entries(options).filter(([, { hidden }]) => !hidden);
  const shells = name.endsWith(" completion") ? ["bash", "zsh", "fish", "powershell"] : [];
  return [
    ...shells.map((text) => ({ text, help: "" })),
    ...shown.map(([option, { help }]) => ({ text: `--${option}`, help })),
    { text: "--help", help: "Print this help" },
  ];
}
