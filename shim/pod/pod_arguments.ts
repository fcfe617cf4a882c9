/**
 * The command line of the mode `host`: what the shim says, and what the container's own arguments
 * are worth.
 *
 * @module
 */

import { defineCommand, type OptionValues, parseCommandLine } from "../../lib/command_line.ts";
import { UsageError } from "../../lib/errors.ts";
import { UP, type UpValues } from "../local/up_options.ts";
import type { Environment } from "./pod_environment.ts";

/** The mode `host`, which the shim starts in a container. */
const HOST = defineCommand({
  name: "spinkube host",
  summary: "Serves the app of a container. Started by the containerd shim.",
  usage: "[OPTIONS] -- CONTAINER ARGUMENTS",
  options: {
    app: { kind: "value", value: "DIR", help: "The app, as the node's store has it" },
    failed: { kind: "value", value: "MESSAGE", help: "Why there is no app" },
    "termination-log": {
      kind: "value",
      value: "FILE",
      help: "Where Kubernetes looks for the container's last message",
    },
  },
  examples: [
    "spinkube host --app /.spinkube/app -- /",
    "spinkube host --failed 'The image holds no Spin app' -- /",
  ],
});

/** What the shim said. */
export interface HostArguments {
  readonly values: OptionValues<typeof HOST.options>;
  /** `process.args` of the container, as its image and its pod have them. */
  readonly container: readonly string[];
}

/** @throws {UsageError} if the shim and the host do not fit. */
export function parseHostArguments(args: readonly string[]): HostArguments {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const parsed = parseCommandLine(HOST, args.slice(0, end), { environment: () => undefined });
  if (parsed.kind === "help") throw new UsageError("The shim starts this mode; it has no help");
  return { values: parsed.values, container: args.slice(end + 1) };
}

/** Options that choose or make an app, which in a pod has been done. */
const NOT_FOR_PODS: readonly (keyof UpValues)[] = [
  "from",
  "from-file",
  "from-registry",
  "default-app",
  "profile",
  "build",
  "temp",
  "cache-dir",
  "direct-mounts",
];

/**
 * The options of `up` as the container's arguments and environment set them. The first argument is
 * only what makes Kubernetes start a container; others that are no options are ignored, as SpinKube
 * has it.
 *
 * @param options.isCommand The app runs commands: all arguments are theirs.
 * @throws {UsageError} naming the arguments and variables that are wrong.
 */
export function podOptions(
  container: readonly string[],
  { isCommand, environment }: { isCommand: boolean; environment: Environment },
): UpValues {
  const first = container.findIndex((word, index) => index > 0 && word.startsWith("--"));
  const words = isCommand || first < 0 ? [] : container.slice(first);
  const parsed = parseCommandLine(UP, words, { environment });
  if (parsed.kind === "help") {
    throw new UsageError("--help has no meaning in a pod; see `spinkube help up` elsewhere");
  }
  if (parsed.given.has("live-page")) {
    throw new UsageError(
      "The container's arguments contain --live-page, which a pod cannot have: the page shows " +
        "requests and logs to everybody who reaches it, and is for the developer's own machine",
      "Give --metrics-address, or send telemetry with OTEL_EXPORTER_OTLP_ENDPOINT.",
    );
  }
  const wrong = NOT_FOR_PODS.filter((name) => parsed.given.has(name));
  if (wrong.length > 0) {
    throw new UsageError(
      `The container's arguments contain ${
        wrong.map((name) => `--${name}`).join(", ")
      }, which a pod cannot have: its app comes from its image`,
    );
  }
  return parsed.values;
}
