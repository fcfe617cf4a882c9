/**
 * The hidden mode `prepare-app`: puts the app of a container into the node's store.
 *
 * It prints one line of JSON, a {@link PrepareAppResult}, and its exit code is 0 whatever that says;
 * what it has to tell besides goes to stderr. With `--gc` it removes what nobody needs any more, and
 * prints what that was.
 *
 * @module
 */

import type { PrepareAppResult } from "../../crds/contract.ts";
import { defineCommand, type OptionValues, parseCommandLine } from "../../lib/command_line.ts";
import { parseDuration } from "../../lib/duration.ts";
import { errorText, UsageError } from "../../lib/errors.ts";
import { selfCommand } from "../../lib/self_command.ts";
import { AppStore } from "./app_store.ts";
import { collectGarbage } from "./collect_garbage.ts";
import { ContainerdClient } from "./containerd_client.ts";
import { prepareApp } from "./prepare_app.ts";

/** What nobody needs is kept for a day: images come back. */
const UNUSED_FOR_MS = 24 * 60 * 60_000;

/** Milliseconds between two collections that are started by themselves. */
const COLLECT_EVERY_MS = 60 * 60_000;

const PREPARE_APP = defineCommand({
  name: "spinkube prepare-app",
  summary: "Puts the app of a container into the node's store. Started by the containerd shim.",
  usage: "[OPTIONS]",
  options: {
    address: {
      kind: "value",
      value: "SOCKET",
      default: "/run/containerd/containerd.sock",
      help: "containerd's socket",
    },
    store: { kind: "value", value: "DIR", default: "/var/lib/spinkube", help: "The node's store" },
    namespace: { kind: "value", value: "NAME", help: "containerd's namespace", parse: parseName },
    container: { kind: "value", value: "ID", help: "The container", parse: parseName },
    rootfs: { kind: "value", value: "DIR", help: "Its root file system on this machine" },
    gc: {
      kind: "boolean",
      help: "Remove what no container and no image needs",
      conflicts: ["namespace", "container", "rootfs"],
    },
    "unused-for": {
      kind: "value",
      value: "DURATION",
      default: "24 hours",
      help: "With --gc: how long it has been unused",
      parse: parseDuration,
      requires: ["gc"],
    },
    "max-bytes": {
      kind: "value",
      value: "N",
      help: "With --gc: remove apps that only images need until the store is no larger",
      parse: parseBytes,
      requires: ["gc"],
    },
  },
  examples: [
    "spinkube prepare-app --namespace k8s.io --container ID --rootfs DIR",
    "spinkube prepare-app --gc --unused-for 60m --max-bytes 2000000000",
  ],
});

type Values = OptionValues<typeof PREPARE_APP.options>;

/**
 * Runs the mode.
 * @returns The exit code.
 * @throws {UsageError} if options are missing or wrong.
 * @throws {Error} if garbage cannot be collected.
 */
export async function runPrepareApp(args: readonly string[]): Promise<number> {
  const parsed = parseCommandLine(PREPARE_APP, args, { environment: () => undefined });
  if (parsed.kind === "help") {
    const { formatFullHelp } = await import("../../lib/command_help.ts");
    console.log(formatFullHelp(PREPARE_APP));
    return 0;
  }
  const { values } = parsed;
  const address = values.address ?? PREPARE_APP.options.address.default;
  const store = new AppStore(values.store ?? PREPARE_APP.options.store.default);
  if (values.gc) {
    using client = new ContainerdClient(address, { namespace: "default" });
    const unusedForMs = values["unused-for"] ?? UNUSED_FOR_MS;
    const maxBytes = values["max-bytes"];
    const removed = await collectGarbage({ client, store, unusedForMs, maxBytes });
    console.log(JSON.stringify(removed));
    return 0;
  }
  const result = await prepare(values, { address, store });
  console.log(JSON.stringify(result));
  if (result.kind === "app") collectNowAndThen({ address, store });
  return 0;
}

async function prepare(
  { namespace = "", container = "", rootfs = "" }: Values,
  { address, store }: { address: string; store: AppStore },
): Promise<PrepareAppResult> {
  const given = Object.entries({ namespace, container, rootfs });
  const missing = given.filter(([, value]) => value === "").map(([name]) => `--${name}`);
  if (missing.length > 0) throw new UsageError(`prepare-app needs ${missing.join(", ")}`);
  using client = new ContainerdClient(address, { namespace });
  try {
    return await prepareApp({
      client,
      store,
      namespace,
      container,
      rootfs: await Deno.realPath(rootfs),
      report: (line) => console.error(line),
    });
  } catch (error) {
    return { kind: "failure", message: errorText(store.explain(error)) };
  }
}

/** In a process of its own: whoever waits for this one waits no longer for it. */
function collectNowAndThen({ address, store }: { address: string; store: AppStore }): void {
  if (!store.isCollectionDue(COLLECT_EVERY_MS)) return;
  const [program, ...before] = selfCommand();
  new Deno.Command(program, {
    args: [...before, "prepare-app", "--gc", "--address", address, "--store", store.root],
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn().unref();
}

function parseName(text: string): string {
  if (/^[A-Za-z0-9][\w.-]*$/.test(text)) return text;
  throw new SyntaxError("names in containerd are letters, digits, dots, dashes and underscores");
}

function parseBytes(text: string): number {
  const bytes = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(bytes)) return bytes;
  throw new SyntaxError("give a number of bytes");
}
