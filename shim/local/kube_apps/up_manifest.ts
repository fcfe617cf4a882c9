/**
 * `up` of a manifest for Kubernetes: its apps side by side, each in a process of its own, as pods are.
 *
 * @module
 */

import { errorText, TerminalError, UsageError } from "../../../lib/errors.ts";
import { dirname, join, resolve } from "../../../lib/path.ts";
import { prefixLines } from "../../../lib/prefix_lines.ts";
import { removeIfThereSync } from "../../../lib/remove_if_there.ts";
import { selfCommand } from "../../../lib/self_command.ts";
import { findPort } from "../../host/http_listener.ts";
import { resolveListenAddress } from "../listen_address.ts";
import type { StopSignals } from "../stop_signals.ts";
import type { UpValues } from "../up_options.ts";
import { parseKubeManifest } from "./manifest.ts";
import { appArguments, refuseOptions, serviceNames } from "./app_arguments.ts";
import { type AppPlan, planApps } from "./plan_apps.ts";

/** What the user typed. */
export interface UpManifestInput {
  /** Path of the manifest; `-` is standard input. */
  readonly file: string;
  readonly values: UpValues;
  /** Names of the options that were given. */
  readonly given: ReadonlySet<string>;
}

/** Where the process runs. */
export interface UpManifestEdge {
  readonly cwd: string;
  readonly hostname: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stop: StopSignals;
  /** Writes a line for the user. */
  readonly report: (line: string) => void;
}

/** Where apps listen if nothing else is said; the second one on the next port. */
const DEFAULT_LISTEN = { hostname: "127.0.0.1", port: 3000 };

/**
 * Serves the apps of a manifest until the process is told to stop or one of them fails, which ends the
 * others.
 *
 * @returns The exit code: 0, or that of the app that failed.
 * @throws {UsageError} if options were given that mean nothing for a manifest.
 * @throws {TerminalError} with everything that keeps apps from being started.
 */
export async function upManifest(input: UpManifestInput, edge: UpManifestEdge): Promise<number> {
  const { values, file } = input;
  refuseOptions(input.given);
  const manifest = parseKubeManifest(await readManifest(file), { file });
  const { apps, notes } = planApps(manifest, {
    file,
    localApps: values.app,
    givenVariables: values.variable.map((text) => text.split("=", 1)[0]!),
    hostname: edge.hostname,
  });
  for (const note of notes) edge.report(`Note: ${note}`);
  const addresses = await chooseAddresses(apps.length, values);
  const stateDir = resolve(values["state-dir"] || join(placeOf(file, edge.cwd), ".spin"));
  const directories = apps.map(({ name }) => join(stateDir, name));
  const removeNow = () => removeSecrets(directories);
  edge.stop.beforeForcedExit(removeNow);
  try {
    console.log(formatTable(apps, addresses));
    const children = await Promise.all(apps.map((plan, index) =>
      startApp(plan, {
        args: appArguments(plan, {
          values,
          cwd: edge.cwd,
          listen: addresses[index]!,
          services: serviceNames(apps, { namespace: plan.namespace, addresses }),
        }),
        directory: directories[index]!,
        isAlone: apps.length === 1,
        width: Math.max(...apps.map(({ name }) => name.length)),
        edge,
      })
    ));
    return await untilEnd(children, edge.stop.signal);
  } finally {
    removeNow();
  }
}

async function readManifest(file: string): Promise<string> {
  if (file === "-") return await new Response(Deno.stdin.readable).text();
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    throw new TerminalError(
      "CannotReadManifest",
      `Cannot read the manifest "${file}": ${errorText(error)}`,
      { cause: error },
    );
  }
}

function placeOf(file: string, cwd: string): string {
  return file === "-" ? cwd : dirname(resolve(cwd, file));
}

/** One `HOST:PORT` for each app: neighbouring ports, which are free now. */
async function chooseAddresses(count: number, values: UpValues): Promise<string[]> {
  const { hostname, port } = await resolveListenAddress(values.listen ?? DEFAULT_LISTEN);
  const findFreePort = values["find-free-port"];
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const addresses: string[] = [];
  let next = port;
  while (addresses.length < count) {
    if (next > 65_535) {
      throw new UsageError(`--listen: ${count} apps need ${count} ports from ${port} on`);
    }
    const found = findPort({ hostname, port: next, findFreePort });
    const address = `${host}:${found}`;
    // The system may choose the same one again, as nobody listens there yet.
    if (!addresses.includes(address)) addresses.push(address);
    next = port === 0 ? 0 : found + 1;
  }
  return addresses;
}

function formatTable(apps: readonly AppPlan[], addresses: readonly string[]): string {
  const rows = [
    ["NAME", "ADDRESS", "APP"],
    ...apps.map(({ name, image, localApp }, index) => [
      name,
      `http://${addresses[index]}`,
      localApp ?? image,
    ]),
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map(([name, address, app]) =>
    `${name!.padEnd(widths[0]!)}  ${address!.padEnd(widths[1]!)}  ${app}`
  ).join("\n");
}

interface StartOptions {
  readonly args: readonly string[];
  /** The app's own: its stores, its logs, and the files that are made for it. */
  readonly directory: string;
  readonly isAlone: boolean;
  /** Letters of the longest name. */
  readonly width: number;
  readonly edge: UpManifestEdge;
}

/** An app that is served. */
interface RunningApp {
  readonly child: Deno.ChildProcess;
  /** The exit code, when all it wrote has been passed on. */
  readonly ended: Promise<number>;
}

async function startApp(plan: AppPlan, options: StartOptions): Promise<RunningApp> {
  const { args, directory, isAlone, edge } = options;
  await Deno.mkdir(directory, { recursive: true });
  // Relative paths in it are relative to it.
  const configFile = join(directory, RUNTIME_CONFIG);
  await Deno.writeTextFile(configFile, plan.runtimeConfig, { mode: 0o600 });
  const [program, ...first] = selfCommand();
  const output = isAlone ? "inherit" : "piped";
  const child = new Deno.Command(program, {
    args: [...first, "up", ...args, "--state-dir", directory, "--runtime-config-file", configFile],
    // As in a pod, nothing of the user's own directory is read; relative paths are the app's own.
    cwd: directory,
    clearEnv: true,
    env: {
      ...withoutSpinVariables(edge.environment),
      ...plan.environment,
      ...await loginEnvironment(plan, directory),
    },
    stdin: "null",
    stdout: output,
    stderr: output,
  }).spawn();
  if (isAlone) return { child, ended: child.status.then(({ code }) => code) };
  const prefix = `${plan.name.padEnd(options.width)} | `;
  const copied = Promise.all([
    copyLines(child.stdout.pipeThrough(prefixLines(prefix)), Deno.stdout),
    copyLines(child.stderr.pipeThrough(prefixLines(prefix)), Deno.stderr),
  ]);
  async function end(): Promise<number> {
    const [{ code }] = await Promise.all([child.status, copied]);
    return code;
  }
  return { child, ended: end() };
}

/** Writes one line after the other, so that lines of several apps do not mix. */
async function copyLines(
  lines: ReadableStream<Uint8Array>,
  output: { writeSync(bytes: Uint8Array): number },
): Promise<void> {
  for await (const line of lines) {
    for (let rest = line; rest.length > 0;) rest = rest.subarray(output.writeSync(rest));
  }
}

/** What is set for another app, or for this command itself, is not for the apps of a manifest. */
function withoutSpinVariables(
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) =>
      !name.startsWith("SPIN_") && name !== "RUNTIME_CONFIG_FILE"
    ),
  );
}

const RUNTIME_CONFIG = "runtime-config.toml";
/** As Docker calls it in its directory. */
const LOGINS = "config.json";

/** Removes the files that may hold passwords. */
function removeSecrets(directories: readonly string[]): void {
  for (const directory of directories) {
    // An app without logins has none, and one that was not started has neither.
    for (const name of [RUNTIME_CONFIG, LOGINS]) removeIfThereSync(join(directory, name));
  }
}

/** Pull secrets take the place of the user's own Docker configuration, as on a node. */
async function loginEnvironment(
  { logins }: AppPlan,
  directory: string,
): Promise<Record<string, string>> {
  if (logins.length === 0) return {};
  const auths = Object.assign({}, ...logins.map(readAuths));
  await Deno.writeTextFile(join(directory, LOGINS), JSON.stringify({ auths }), {
    mode: 0o600,
  });
  // Spin's own logins would win over those of the manifest.
  return { DOCKER_CONFIG: directory, XDG_CONFIG_HOME: directory };
}

/** @throws {TerminalError} if it is no Docker configuration. */
function readAuths(text: string): unknown {
  try {
    return JSON.parse(text).auths ?? {};
  } catch (error) {
    throw new TerminalError(
      "InvalidManifest",
      `An image pull secret is no Docker configuration: ${errorText(error)}`,
      { cause: error },
    );
  }
}

/** Waits for all apps, or for the first that fails, and then for the others to stop. */
async function untilEnd(apps: readonly RunningApp[], signal: AbortSignal): Promise<number> {
  function stopAll(): void {
    for (const { child } of apps) {
      try {
        child.kill("SIGTERM");
      } catch (error) {
        // It has ended already.
        if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  }
  signal.addEventListener("abort", stopAll, { once: true });
  if (signal.aborted) stopAll();
  let firstFailure = 0;
  await Promise.all(apps.map(async ({ ended }) => {
    const code = await ended;
    if (code === 0 || firstFailure !== 0 || signal.aborted) return;
    firstFailure = code;
    stopAll();
  }));
  signal.removeEventListener("abort", stopAll);
  return firstFailure;
}
