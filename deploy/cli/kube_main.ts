/**
 * The mode `kube`: what Spin's plugin of that name does, and more.
 *
 * @module
 */

import {
  type Command,
  type Options,
  type OptionValues,
  parseCommandLine,
} from "../../lib/command_line.ts";
import { UsageError } from "../../lib/errors.ts";
import { nearest } from "../../lib/nearest.ts";

/** What the commands are told. */
export interface KubeContext {
  /** Version of the program. */
  readonly version: string;
}

const HELP = `Manages Spin apps on Kubernetes.

Usage: spinkube kube COMMAND [OPTIONS]

Commands:
  scaffold     Print the manifest that runs an app
  deploy       Deploy an app that is in a registry
  list         List the apps of a namespace
  get          Show one app
  delete       Delete an app
  logs         Print what an app has written
  connect      Make an app of the cluster reachable here
  version      Print versions
  completion   Print what makes a shell complete commands

Every command prints its options with --help.

Examples:
  spinkube kube scaffold --from ghcr.io/me/app:v1 | kubectl apply -f -
  spinkube kube deploy --from ghcr.io/me/app:v1 --wait`;

const COMMANDS: readonly string[] = [
  "scaffold",
  "deploy",
  "list",
  "get",
  "delete",
  "logs",
  "connect",
  "version",
  "completion",
];

/** Runs `kube` with the arguments that follow it. @returns The exit code. */
export async function runKube(args: readonly string[], context: KubeContext): Promise<number> {
  const [word, ...rest] = hoistCommand(args);
  switch (word) {
    case "scaffold": {
      const { runScaffold } = await import("./scaffold_main.ts");
      return await runScaffold(rest);
    }
    case "deploy":
      return await runDeploy(rest, { ...context, isWhole: false });
    case "completion": {
      const { runCompletion } = await import("./completion_main.ts");
      return await runCompletion(rest);
    }
    case undefined:
    case "help":
    case "--help":
    case "-h":
      console.log(rest[0] === undefined ? HELP : await helpForKube(rest[0]));
      return 0;
    case "--version":
      return await runAppCommand("version", rest, context);
    default:
      return await runAppCommand(word, rest, context);
  }
}

/** kubectl's options that may stand before the command. */
const LEADING = /^(?:--(?:kubeconfig|namespace|context)|-n)(=.*)?$/;

/** `--namespace a list` as `list --namespace a`. */
function hoistCommand(args: readonly string[]): readonly string[] {
  const leading: string[] = [];
  let at = 0;
  for (let found = LEADING.exec(args[at] ?? ""); found; found = LEADING.exec(args[at] ?? "")) {
    const count = found[1] === undefined ? 2 : 1;
    leading.push(...args.slice(at, at + count));
    at += count;
  }
  const [word, ...rest] = args.slice(at);
  return word === undefined ? [] : [word, ...leading, ...rest];
}

/**
 * Runs `kube deploy`, or with `isWhole` the command `deploy`.
 * @returns The exit code.
 */
export async function runDeploy(
  args: readonly string[],
  { isWhole, ...context }: KubeContext & { readonly isWhole: boolean },
): Promise<number> {
  const { DEPLOY, KUBE_DEPLOY } = await import("./deploy_options.ts");
  const definition = isWhole ? DEPLOY : KUBE_DEPLOY;
  return await runParsed(definition, args, async (values, { given }) => {
    const { deploy } = await import("./deploy.ts");
    const defaults = { build: isWhole, push: isWhole, wait: isWhole };
    return await deploy(values, { ...context, command: definition.name, given, defaults });
  });
}

async function runAppCommand(
  word: string,
  args: readonly string[],
  context: KubeContext,
): Promise<number> {
  if (!COMMANDS.includes(word)) throw unknownCommand(word);
  const options = await import("./app_commands_options.ts");
  switch (word) {
    case "list":
      return await runParsed(options.LIST, args, async (values) => {
        const { list } = await import("./app_commands.ts");
        return await list(values, context);
      });
    case "get":
      return await runParsed(options.GET, args, async (values, { words }) => {
        const { get } = await import("./app_commands.ts");
        return await get(values, { ...context, words });
      });
    case "delete":
      return await runParsed(options.DELETE, args, async (values, { words }) => {
        const { remove } = await import("./app_commands.ts");
        return await remove(values, { ...context, words });
      });
    case "logs":
      return await runParsed(options.LOGS, args, async (values, { words }) => {
        const { logs } = await import("./logs.ts");
        return await logs(values, { ...context, words });
      });
    case "connect":
      return await runParsed(options.CONNECT, args, async (values, { words }) => {
        const { connect } = await import("./connect.ts");
        return await connect(values, { ...context, words });
      });
    default:
      return await runParsed(options.KUBE_VERSION, args, async (values) => {
        const { version } = await import("./app_commands.ts");
        return await version(values, context);
      });
  }
}

interface Given {
  readonly words: readonly string[];
  readonly given: ReadonlySet<string>;
}

async function runParsed<O extends Options>(
  command: Command<O>,
  args: readonly string[],
  run: (values: OptionValues<O>, given: Given) => Promise<number>,
): Promise<number> {
  const parsed = parseCommandLine(command, args, { environment: (name) => Deno.env.get(name) });
  if (parsed.kind === "run") return await run(parsed.values, parsed);
  const { formatHelp } = await import("../../lib/command_help.ts");
  console.log(formatHelp(command));
  return 0;
}

/**
 * All about a command below `kube`; about `kube` without one.
 * @throws {UsageError} if there is no such command.
 */
export async function helpForKube(word: string | undefined): Promise<string> {
  if (word === undefined) return HELP;
  const { formatFullHelp } = await import("../../lib/command_help.ts");
  const command = (await kubeCommands()).find(({ name }) => name.endsWith(` kube ${word}`));
  if (command) return formatFullHelp(command);
  throw unknownCommand(word);
}

/** The definitions of all commands below `kube`. */
export async function kubeCommands(): Promise<Command<Options>[]> {
  const { SCAFFOLD } = await import("./scaffold_options.ts");
  const { KUBE_DEPLOY } = await import("./deploy_options.ts");
  const { LIST, GET, DELETE, LOGS, CONNECT, KUBE_VERSION } = await import(
    "./app_commands_options.ts"
  );
  const { COMPLETION } = await import("./completion_main.ts");
  return [SCAFFOLD, KUBE_DEPLOY, LIST, GET, DELETE, LOGS, CONNECT, KUBE_VERSION, COMPLETION];
}

function unknownCommand(word: string): UsageError {
  const best = nearest(word, COMMANDS);
  return new UsageError(
    `unknown command "${word}" for "kube"`,
    best === undefined ? 'See "spinkube kube --help".' : `Did you mean "spinkube kube ${best}"?`,
  );
}
