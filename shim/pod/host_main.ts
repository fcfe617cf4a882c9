/**
 * The mode `host`: serves the app of a container, in the container.
 *
 * @module
 */

import { POD_PATHS, SERVING_PROCESS } from "../../crds/contract.ts";
import { TerminalError } from "../../lib/errors.ts";
import { releaseWhenIdle } from "../../lib/idle_memory.ts";
import { join } from "../../lib/path.ts";
import { isolateCount, readTextFile } from "../host/cpu_limit.ts";
import type { HostOptions } from "../host/host_options.ts";
import { applyInitialData } from "../host/initial_data.ts";
import { runHost } from "../host/mod.ts";
import {
  checkStores,
  createTemporaryStores,
  describeRuntimeConfig,
  resolveRuntimeConfig,
  type TemporaryStores,
} from "../imports/runtime_config_defaults.ts";
import type { RuntimeConfig } from "../imports/runtime_config.ts";
import type { LockedApp } from "../loader/locked_app.ts";
import { hostOptionsFor, readInputs, type UpInputs } from "../local/up_host.ts";
import type { UpValues } from "../local/up_options.ts";
import { tellLastMessage } from "./last_message.ts";
import { type HostArguments, parseHostArguments, podOptions } from "./pod_arguments.ts";
import { optionEnvironment, retainComponents, variablesByName } from "./pod_environment.ts";
import { readStoredApp } from "./stored_app.ts";

/** Isolates of a pod whose CPUs nobody limits. */
const MAX_ISOLATES = 4;

/** Kubernetes kills after 30 seconds by default; this leaves time to end. */
const GRACE_MS = 25_000;

/** The nodes of a large cluster learn within this time that a pod ends. */
const LINGER_MS = 5_000;
/** kubelet gives it to every container, and nothing else does. */
const KUBERNETES = "KUBERNETES_SERVICE_HOST";

const STOP_SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * Serves until a signal asks to stop; then requests in flight get 25 seconds (`--grace-period`) to
 * end. In Kubernetes the first five of these still take new ones, as long as such come: the Service
 * sends some until all nodes know that the pod ends. What goes wrong is told in the log and in the
 * container's last message.
 *
 * @returns The exit code: 0 after a signal, that of the app's commands, or one of
 * {@link tellLastMessage}.
 */
export async function runPodHost(args: readonly string[]): Promise<number> {
  const stop = new AbortController();
  for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, () => stop.abort());
  let terminationLog: string | undefined;
  try {
    const parsed = parseHostArguments(args);
    terminationLog = parsed.values["termination-log"];
    return await serve(parsed, stop.signal);
  } catch (error) {
    return tellLastMessage(error, { terminationLog });
  }
}

async function serve({ values, container }: HostArguments, signal: AbortSignal): Promise<number> {
  if (values.failed !== undefined) throw new TerminalError("NoApp", values.failed);
  const { app: whole, prepared } = readStoredApp(values.app ?? POD_PATHS.app);
  const app = retainComponents(whole, readEnvironment);
  for (const [name, value] of variablesByName(app, readEnvironment)) Deno.env.set(name, value);
  const isCommand = app.triggers.some(({ trigger_type: type }) => type === "command");
  const options = podOptions(container, {
    isCommand,
    environment: optionEnvironment(readEnvironment),
  });
  await using temporary = createTemporaryStores();
  const inputs = await readInputs(withRuntimeConfigFile(options), "/");
  const runtimeConfig = podRuntimeConfig({ options, inputs }, temporary);
  checkStores(app, runtimeConfig);
  for (const line of describe({ app, inputs, runtimeConfig })) console.error(line);
  await applyInitialData(inputs.initialData, {
    config: runtimeConfig,
    environment: readEnvironment,
  });
  const hostOptions: HostOptions = {
    ...hostOptionsFor({ values: options, inputs }, {
      runtimeConfig,
      cacheDir: join(POD_PATHS.state, "cache"),
      isTerminal: false,
    }),
    // Nodes have many CPUs, and many pods.
    workers: options.workers ??
      Math.min(isolateCount(navigator.hardwareConcurrency, readTextFile), MAX_ISOLATES),
    startsWorkersWhenBusy: options.workers === undefined,
    graceMs: options["grace-period"] ?? GRACE_MS,
    lingerMs: readEnvironment(KUBERNETES) === undefined ? 0 : LINGER_MS,
    commandArguments: container.slice(1),
    prepared,
    servingName: SERVING_PROCESS,
  };
  // Most pods of a node wait for requests most of the time.
  using _ = releaseWhenIdle();
  return await runHost(app, hostOptions, signal);
}

/** The file has a place of its own in pods, where it is mounted if the app has one. */
function withRuntimeConfigFile(values: UpValues): UpValues {
  const file = values["runtime-config-file"] ?? findFile(POD_PATHS.runtimeConfig);
  return file === undefined ? values : { ...values, "runtime-config-file": file };
}

function findFile(path: string): string | undefined {
  try {
    return Deno.statSync(path).isFile ? path : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** As `up` does it, but output of components goes to the pod's log alone if nothing else is said. */
function podRuntimeConfig(
  { options, inputs }: { options: UpValues; inputs: UpInputs },
  temporary: TemporaryStores,
): RuntimeConfig {
  const parsed = inputs.runtimeConfigFile;
  const memory = options["max-instance-memory"];
  return resolveRuntimeConfig({
    cwd: "/",
    appDir: "/",
    temporary,
    ...(parsed === undefined ? {} : { parsed }),
    ...(options["state-dir"] === undefined ? {} : { stateDirFlag: options["state-dir"] }),
    ...(memory === undefined ? {} : { maxInstanceMemoryFlag: memory }),
    logDirFlag: options["log-dir"] ?? parsed?.logDir ?? "",
  });
}

function describe(
  { app, inputs, runtimeConfig }: {
    app: LockedApp;
    inputs: UpInputs;
    runtimeConfig: RuntimeConfig;
  },
): string[] {
  const parsed = inputs.runtimeConfigFile;
  return describeRuntimeConfig({
    app,
    config: runtimeConfig,
    ...(parsed === undefined ? {} : { parsed }),
  });
}

function readEnvironment(name: string): string | undefined {
  return Deno.env.get(name);
}
