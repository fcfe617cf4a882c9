/**
 * The mode `up`: serves an app of this machine.
 *
 * @module
 */

import { formatHelp } from "../../lib/command_help.ts";
import { parseCommandLine } from "../../lib/command_line.ts";
import { TerminalError, UsageError } from "../../lib/errors.ts";
import { join, resolve } from "../../lib/path.ts";
import { applyInitialData } from "../host/initial_data.ts";
import { runHost } from "../host/mod.ts";
import {
  checkStores,
  createTemporaryStores,
  describeRuntimeConfig,
} from "../imports/runtime_config_defaults.ts";
import {
  type AppSource,
  findAppSource,
  loadApp,
  type LoadedApp,
  type LockedApp,
  selectComponents,
  withEnvironment,
} from "../loader/mod.ts";
import { buildApp } from "./build.ts";
import { userCacheDir } from "./cache_dir.ts";
import { describeStaleBuild } from "./last_build.ts";
import { type StopSignals, watchStopSignals } from "./stop_signals.ts";
import { hostOptionsFor, readInputs, runtimeConfigFor, type UpInputs } from "./up_host.ts";
import { IGNORED_OPTIONS, UP, type UpValues } from "./up_options.ts";

/**
 * Runs `up` with the arguments that follow it, until the process is told to stop.
 * @returns The exit code: 0, 130 after Ctrl-C, or that of the app's commands.
 */
export async function runUp(args: readonly string[]): Promise<number> {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const commandArguments = args.slice(end + 1);
  const parsed = parseCommandLine(UP, args.slice(0, end), {
    environment: (name) => Deno.env.get(name),
  });
  if (parsed.kind === "help") {
    console.log(formatHelp(UP));
    return 0;
  }
  const { values, given, words } = parsed;
  for (const [name, reason] of Object.entries(IGNORED_OPTIONS)) {
    if (given.has(name)) report(`Note: --${name} has no effect: it ${reason}.`);
  }
  using stop = watchStopSignals();
  try {
    if (isKubeManifest(values.from)) {
      const code = await serveManifest({ file: values.from, values, given, words }, stop);
      return stop.signal.aborted ? stop.exitCode() : code;
    }
    if (values.app.length > 0) {
      throw new UsageError("--app is for a YAML file with SpinApps", "Give the file with --from.");
    }
    const source = await chooseApp(values, words);
    const inputs = await readInputs(values, Deno.cwd());
    const code = await serve({ source, values, inputs, commandArguments }, stop);
    if (!stop.signal.aborted) return code;
  } catch (error) {
    // Ctrl-C reaches the processes that build and prepare as well: their end is no failure.
    if (!stop.signal.aborted) throw error;
  }
  return stop.exitCode();
}

async function serve(
  { source, values, inputs, commandArguments }: {
    source: UpSource;
    values: UpValues;
    inputs: UpInputs;
    commandArguments: readonly string[];
  },
  stop: StopSignals,
): Promise<number> {
  const cwd = Deno.cwd();
  await using workingDir = await openWorkingDir(values.temp);
  stop.beforeForcedExit(workingDir.removeNow);
  await using temporary = createTemporaryStores();
  const cacheDir = values["cache-dir"] ?? defaultCacheDir() ?? join(workingDir.path, "cache");
  await build({ source, values }, cwd);
  if (stop.signal.aborted) return 0;
  const { app, appDir, warnings } = await load(
    { source, values },
    { workingDir: workingDir.path, cacheDir: resolve(cwd, cacheDir), cwd, signal: stop.signal },
  );
  for (const warning of warnings) report(`Warning: ${warning}`);
  const stale = appDir === undefined ? undefined : await describeStaleBuild(appDir, values.profile);
  if (stale !== undefined) report(`Warning: ${stale}`);
  checkArguments(app, commandArguments);
  await writeLock(app, workingDir.path);
  const runtimeConfig = runtimeConfigFor({ values, inputs }, { cwd, appDir, temporary });
  checkStores(app, runtimeConfig);
  const parsedConfig = inputs.runtimeConfigFile;
  const summary = describeRuntimeConfig({
    app,
    config: runtimeConfig,
    ...(parsedConfig === undefined ? {} : { parsed: parsedConfig }),
  });
  for (const line of summary) report(line);
  await applyInitialData(inputs.initialData, {
    config: runtimeConfig,
    environment: (name) => Deno.env.get(name),
  });
  const options = hostOptionsFor({ values, inputs }, {
    runtimeConfig,
    cacheDir: resolve(cwd, cacheDir),
    isTerminal: Deno.stderr.isTerminal(),
  });
  const livePage = values["live-page"];
  return await runHost(app, {
    ...options,
    commandArguments,
    ...(livePage === undefined || livePage === "off" ? {} : { livePage }),
  }, stop.signal);
}

/** YAML is not for Spin: what is written in it are objects of Kubernetes. */
function isKubeManifest(from: string | undefined): from is string {
  return from !== undefined && (from === "-" || /\.(?:ya?ml|json)$/i.test(from));
}

/** @throws {UsageError | TerminalError} if the manifest or the options are wrong. */
async function serveManifest(
  { file, values, given, words }: {
    file: string;
    values: UpValues;
    given: ReadonlySet<string>;
    words: readonly string[];
  },
  stop: StopSignals,
): Promise<number> {
  if (words.length > 0) throw unexpectedWords(words);
  enterInvocationDir(values["default-app"]);
  const { upManifest } = await import("./kube_apps/up_manifest.ts");
  return await upManifest({ file, values, given }, {
    cwd: Deno.cwd(),
    hostname: Deno.hostname(),
    environment: Deno.env.toObject(),
    stop,
    report,
  });
}

/** Where an app is: on this machine, or in a registry. */
type UpSource = AppSource | { readonly kind: "registry"; readonly reference: string };

async function load(
  { source, values }: { source: UpSource; values: UpValues },
  { signal, ...options }: {
    workingDir: string;
    cacheDir: string;
    cwd: string;
    signal: AbortSignal;
  },
): Promise<LoadedApp> {
  const environment = Object.fromEntries(values.env);
  const componentIds = values["component-id"];
  if (source.kind !== "registry") {
    return await loadApp(source, {
      ...options,
      directMounts: values["direct-mounts"],
      environment,
      componentIds,
      ...(values.profile === undefined ? {} : { profile: values.profile }),
    });
  }
  const { placeCachedApp, pull } = await import("./registry/pull_app.ts");
  const pullValues = { insecure: values.insecure, "cache-dir": options.cacheDir, signal };
  const { cached } = await pull(pullValues, source.reference);
  const selected = { ...cached, app: selectComponents(cached.app, componentIds) };
  const app = await placeCachedApp(selected, options.workingDir);
  return { app: withEnvironment(app, environment), appDir: undefined, warnings: [] };
}

/** @throws {UsageError} if there are arguments, but no command that would get them. */
function checkArguments(app: LockedApp, words: readonly string[]): void {
  if (words.length === 0) return;
  if (app.triggers.some(({ trigger_type: type }) => type === "command")) return;
  throw new UsageError(
    `The words after "--" (${
      words.join(" ")
    }) are for an app with a command trigger, and this one ` +
      "has none",
  );
}

/** @throws {UsageError | TerminalError} if there is no app, or words that belong to no option. */
async function chooseApp(values: UpValues, words: readonly string[]): Promise<UpSource> {
  const reference = values["from-registry"];
  if (reference !== undefined) return { kind: "registry", reference };
  const fallback = enterInvocationDir(values["default-app"]);
  const cwd = Deno.cwd();
  const file = values["from-file"];
  // An absolute path is never taken for the name of an app in a registry.
  const from = file === undefined ? values.from : resolve(cwd, file);
  const source = await findApp({ from, fallback, word: words[0] }, cwd);
  if (words.length === 0) return source;
  throw unexpectedWords(words);
}

function unexpectedWords(words: readonly string[]): UsageError {
  return new UsageError(
    words.map((word) => `Unexpected argument "${word}"`).join("\n"),
    `Did you mean \`spinkube up -f ${words[0]}\`?`,
  );
}

/**
 * `deno task` runs in the directory of `deno.json`; everything the user types is meant relative to
 * the directory where they typed it.
 * @returns The default app's absolute path.
 */
function enterInvocationDir(defaultApp: string | undefined): string | undefined {
  if (defaultApp === undefined) return undefined;
  const path = resolve(defaultApp);
  const invokedIn = Deno.env.get("INIT_CWD");
  if (invokedIn) Deno.chdir(invokedIn);
  return path;
}

async function findApp(
  { from, fallback, word }: {
    from: string | undefined;
    fallback: string | undefined;
    word: string | undefined;
  },
  cwd: string,
): Promise<UpSource> {
  try {
    const source = await findAppSource(from, cwd);
    const isElsewhere = from === undefined && source.path !== join(cwd, "spin.toml");
    if (isElsewhere) {
      report(
        `No 'spin.toml' in current directory. Using 'spin.toml' from parent directory ` +
          `(${source.path})`,
      );
    }
    return source;
  } catch (error) {
    const isInRegistry = error instanceof TerminalError && error.reason === "RegistrySource";
    if (from !== undefined && isInRegistry) return { kind: "registry", reference: from };
    const isDefault = from === undefined && error instanceof TerminalError &&
      error.reason === "AppNotFound";
    if (!isDefault) throw error;
    if (word !== undefined) {
      throw new UsageError(
        `Default file 'spin.toml' not found. Did you mean \`spin up -f ${word}\`?`,
      );
    }
    if (fallback === undefined) throw error;
    report("No 'spin.toml' in current directory. Serving the sample app.");
    return await findAppSource(fallback, cwd);
  }
}

async function build(
  { source, values }: { source: UpSource; values: UpValues },
  cwd: string,
): Promise<void> {
  if (!values.build || source.kind !== "manifest") return;
  await buildApp(source, {
    cwd,
    componentIds: values["component-id"],
    isStdoutReserved: values.format === "json",
    report,
    ...(values.profile === undefined ? {} : { profile: values.profile }),
  });
}

/** The directory that `--temp` names, which stays, or one that is removed at the end. */
async function openWorkingDir(
  chosen: string | undefined,
): Promise<AsyncDisposable & { readonly path: string; removeNow(): void }> {
  if (chosen !== undefined) {
    const path = resolve(chosen);
    await Deno.mkdir(path, { recursive: true });
    return { path, removeNow() {}, async [Symbol.asyncDispose]() {} };
  }
  const path = await Deno.makeTempDir({ prefix: "spinup-" });
  return {
    path,
    removeNow: () => Deno.removeSync(path, { recursive: true }),
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
    },
  };
}

async function writeLock(app: LockedApp, directory: string): Promise<void> {
  await Deno.writeTextFile(join(directory, "spin.lock"), `${JSON.stringify(app, null, 2)}\n`);
}

function defaultCacheDir(): string | undefined {
  return userCacheDir({ os: Deno.build.os, environment: (name) => Deno.env.get(name) });
}

function report(line: string): void {
  console.error(line);
}
