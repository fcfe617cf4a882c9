/**
 * From the options of `up` to what the host needs.
 *
 * @module
 */

import { errorText, TerminalError, UsageError } from "../../lib/errors.ts";
import { join, resolve } from "../../lib/path.ts";
import { DEFAULT_REUSE, type HostOptions } from "../host/host_options.ts";
import { type InitialData, parseKeyValueFlag, parseSqliteFlag } from "../host/initial_data.ts";
import { readTelemetry } from "../host/telemetry_input.ts";
import { parseDotenv } from "../imports/variable_providers.ts";
import {
  loadRuntimeConfig,
  type ParsedRuntimeConfig,
  type RuntimeConfig,
} from "../imports/runtime_config.ts";
import { resolveRuntimeConfig, type TemporaryStores } from "../imports/runtime_config_defaults.ts";
import { parseVariableFlag } from "../imports/variable_flag.ts";
import { resolveListenAddress } from "./listen_address.ts";
import type { UpValues } from "./up_options.ts";

const DEFAULT_LISTEN = { hostname: "127.0.0.1", port: 3000 };
const DEFAULT_CPU_LIMIT_MS = 10_000;
const DEFAULT_GRACE_MS = 30_000;

/** What `up` read from files and flags before the app is loaded. */
export interface UpInputs {
  readonly listen: { readonly hostname: string; readonly port: number };
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly variables: readonly (readonly [string, string])[];
  readonly dotenv: Readonly<Record<string, string>>;
  readonly runtimeConfigFile: ParsedRuntimeConfig | undefined;
  readonly initialData: InitialData;
  /** Undefined if nothing is recorded. */
  readonly telemetry: HostOptions["telemetry"];
  /** Where metrics are served; undefined if they are not. */
  readonly metrics: HostOptions["metrics"];
}

/**
 * Reads everything that the flags refer to, so that a mistake is told before anything is built,
 * downloaded or served.
 *
 * @throws {UsageError | TerminalError} with every problem.
 */
export async function readInputs(values: UpValues, cwd: string): Promise<UpInputs> {
  const mistakes = new Mistakes();
  const readFile = (path: string) => Deno.readTextFileSync(path);
  const inputs = {
    listen: await mistakes.collect(() => resolveListenAddress(values.listen ?? DEFAULT_LISTEN)),
    tls: await mistakes.collect(() => readTls(values)),
    variables: await mistakes.collectAll(
      values.variable,
      (flag) => parseVariableFlag(flag, readFile),
    ),
    dotenv: await mistakes.collect(() => readDotenv(join(cwd, ".env"))),
    runtimeConfigFile: await mistakes.collect(() =>
      readRuntimeConfig(values["runtime-config-file"], cwd)
    ),
    keyValues: await mistakes.collectAll(values["key-value"], parseKeyValueFlag),
    sqlite: await mistakes.collectAll(values.sqlite, (flag) => parseSqliteFlag(flag, readFile)),
    telemetry: await mistakes.collect(() => readTelemetry((name) => Deno.env.get(name))),
    metrics: await mistakes.collect(() =>
      values["metrics-address"] && resolveListenAddress(values["metrics-address"])
    ),
  };
  mistakes.throwIfAny();
  return {
    listen: inputs.listen!,
    tls: inputs.tls,
    variables: inputs.variables.flat(),
    dotenv: inputs.dotenv!,
    runtimeConfigFile: inputs.runtimeConfigFile,
    initialData: { keyValues: inputs.keyValues, sqlite: inputs.sqlite },
    telemetry: inputs.telemetry,
    metrics: inputs.metrics,
  };
}

/** User mistakes that are reported together. */
class Mistakes {
  readonly #errors: (UsageError | TerminalError)[] = [];

  async collect<T>(work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UsageError || error instanceof TerminalError)) throw error;
      this.#errors.push(error);
      return undefined;
    }
  }

  async collectAll<T>(flags: readonly string[], parse: (flag: string) => T): Promise<T[]> {
    const results: T[] = [];
    for (const flag of flags) {
      const result = await this.collect(() => parse(flag));
      if (result !== undefined) results.push(result);
    }
    return results;
  }

  throwIfAny(): void {
    const [first, ...others] = this.#errors;
    if (!first) return;
    if (others.length === 0) throw first;
    const message = this.#errors.map((error) => error.message).join("\n");
    const usage = this.#errors.find((error) => error instanceof UsageError);
    if (usage) throw new UsageError(message, usage.hint);
    throw new TerminalError("InvalidOptions", message);
  }
}

function readTls(values: UpValues): UpInputs["tls"] {
  const { "tls-cert": certFile, "tls-key": keyFile } = values;
  if (certFile === undefined || keyFile === undefined) return undefined;
  const cert = readPem({ file: certFile, flag: "--tls-cert", block: "CERTIFICATE" });
  const key = readPem({ file: keyFile, flag: "--tls-key", block: "PRIVATE KEY" });
  const problems = [cert, key].flatMap((result) => "problem" in result ? [result.problem] : []);
  if (problems.length > 0) throw new TerminalError("InvalidTls", problems.join("\n"));
  return { cert: (cert as { text: string }).text, key: (key as { text: string }).text };
}

function readPem(
  { file, flag, block }: { file: string; flag: string; block: string },
): { text: string } | { problem: string } {
  try {
    const text = Deno.readTextFileSync(file);
    // One block, from its first to its last line. A key may say its kind: "RSA PRIVATE KEY".
    const pem = new RegExp(`-----BEGIN ([A-Z ]*${block})-----[^-]+-----END \\1-----`);
    if (pem.test(text)) return { text };
    return {
      problem: `${flag} "${file}" holds no PEM block "BEGIN ${block}"; give a PEM file` +
        (block === "PRIVATE KEY" ? " with an unencrypted key (PKCS#8)" : ""),
    };
  } catch (error) {
    return { problem: `Cannot read ${flag} "${file}": ${errorText(error)}` };
  }
}

async function readDotenv(file: string): Promise<Record<string, string>> {
  try {
    return parseDotenv(await Deno.readTextFile(file));
  } catch (error) {
    // Most apps have none. A directory of this name is some tool's virtual environment.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) {
      return {};
    }
    throw new TerminalError("UnreadableDotenv", `Cannot read "${file}": ${errorText(error)}`, {
      cause: error,
    });
  }
}

async function readRuntimeConfig(
  file: string | undefined,
  cwd: string,
): Promise<ParsedRuntimeConfig | undefined> {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    throw new TerminalError(
      "UnreadableRuntimeConfig",
      `Cannot read the runtime config file "${file}": ${errorText(error)}`,
      { cause: error },
    );
  }
  return loadRuntimeConfig(text, { file, cwd });
}

/** Where `up` runs. */
export interface UpPlace {
  readonly cwd: string;
  readonly appDir: string | undefined;
  readonly temporary: TemporaryStores;
}

/** The runtime configuration: flags over file over defaults. */
export function runtimeConfigFor(
  { values, inputs }: { values: UpValues; inputs: UpInputs },
  { cwd, appDir, temporary }: UpPlace,
): RuntimeConfig {
  const stateDir = values["state-dir"];
  const logDir = values["log-dir"];
  const memory = values["max-instance-memory"];
  return resolveRuntimeConfig({
    cwd,
    temporary,
    ...(inputs.runtimeConfigFile === undefined ? {} : { parsed: inputs.runtimeConfigFile }),
    ...(stateDir === undefined ? {} : { stateDirFlag: stateDir }),
    ...(logDir === undefined ? {} : { logDirFlag: logDir }),
    ...(memory === undefined ? {} : { maxInstanceMemoryFlag: memory }),
    ...(appDir === undefined ? {} : { appDir }),
  });
}

/** The host's options. */
export function hostOptionsFor(
  { values, inputs }: { values: UpValues; inputs: UpInputs },
  { runtimeConfig, cacheDir, isTerminal }: {
    runtimeConfig: RuntimeConfig;
    cacheDir: string;
    /** Whether a person watches. */
    isTerminal: boolean;
  },
): HostOptions {
  const { listen, tls } = inputs;
  const memory = runtimeConfig.maxInstanceMemory;
  const recordCalls = values["record-calls"];
  return {
    listen,
    findFreePort: values["find-free-port"],
    ...(tls === undefined ? {} : { tls }),
    ...(inputs.telemetry === undefined ? {} : { telemetry: inputs.telemetry }),
    ...(inputs.metrics === undefined ? {} : { metrics: inputs.metrics }),
    offersOtel: values["experimental-wasi-otel"],
    ...(values.service.length === 0 ? {} : { services: Object.fromEntries(values.service) }),
    announce: values.format ?? "plain",
    runtimeConfig,
    variables: inputs.variables,
    dotenv: inputs.dotenv,
    follow: values.quiet ? "none" : values.follow.length > 0 ? values.follow : "all",
    truncateLogs: values["truncate-logs"],
    ...(recordCalls === undefined ? {} : { recordCalls: resolve(recordCalls) }),
    allowTransientWrite: values["allow-transient-write"],
    cacheDir,
    ...(values.workers === undefined ? {} : { workers: values.workers }),
    ...(memory === undefined ? {} : { maxInstanceMemory: memory }),
    instances: values.instances ?? "auto",
    reuse: reuseLimits(values),
    cpuLimitMs: values["cpu-limit"] ?? DEFAULT_CPU_LIMIT_MS,
    graceMs: values["grace-period"] ?? DEFAULT_GRACE_MS,
    // Only for the developer in front of the screen: nobody else may see what went wrong inside.
    explainErrors: isTerminal && /^127\.|^::1$/.test(listen.hostname),
  };
}

function reuseLimits(values: UpValues): NonNullable<HostOptions["reuse"]> {
  return {
    maxCalls: values["max-instance-reuse-count"] ?? DEFAULT_REUSE.maxCalls,
    maxConcurrentCalls: values["max-instance-concurrent-reuse-count"] ??
      DEFAULT_REUSE.maxConcurrentCalls,
    idleMs: values["idle-instance-timeout"] ?? DEFAULT_REUSE.idleMs,
    callTimeoutMs: values["request-timeout"] ?? DEFAULT_REUSE.callTimeoutMs,
  };
}
