/**
 * One run of `watch`: what is done when files change.
 *
 * @module
 */

import { errorText, TerminalError, UsageError } from "../../../lib/errors.ts";
import { dirname, join, resolve, SEPARATOR } from "../../../lib/path.ts";
import { applyInitialData } from "../../host/initial_data.ts";
import type { LiveAddress } from "../../host/live/live_server.ts";
import type { ReloadingHost } from "../../host/reloading_host.ts";
import {
  checkStores,
  describeRuntimeConfig,
  type TemporaryStores,
} from "../../imports/runtime_config_defaults.ts";
import { type AppSource, loadApp } from "../../loader/mod.ts";
import { readWatchPlan, type WatchPlan } from "../../loader/watch_plan.ts";
import { buildApp } from "../build.ts";
import { hostOptionsFor, readInputs, runtimeConfigFor, type UpInputs } from "../up_host.ts";
import { FileChanges } from "./file_changes.ts";
import { type FileTimes, OwnChanges } from "./own_changes.ts";
import { DEFAULT_DEBOUNCE_MS, type WatchValues } from "./watch_options.ts";

/** What a session works with. */
export interface WatchSetup {
  readonly source: AppSource;
  readonly values: WatchValues;
  readonly host: ReloadingHost;
  readonly cwd: string;
  readonly cacheDir: string;
  /** Content of each loaded app goes to a directory of its own below it. */
  readonly workingDir: string;
  readonly temporary: TemporaryStores;
  readonly isTerminal: boolean;
  /** Where the live page is, if there is one. */
  readonly livePage: LiveAddress | undefined;
  readonly signal: AbortSignal;
  /** Writes a line for the user. */
  readonly report: (line: string) => void;
}

/** Characters of a build's output that the page of its failure shows. */
const MAX_OUTPUT = 20_000;
/** Milliseconds by which the clock of files may be behind. */
const CLOCK_MS = 20;

/** Builds, loads and reloads one app. */
export class WatchSession {
  readonly #setup: WatchSetup;
  readonly #own = new OwnChanges();
  /** Components whose last build failed. */
  readonly #unbuilt = new Set<string>();
  /** File → what it was when it was loaded. */
  readonly #loaded = new Map<string, string>();
  #plan: WatchPlan | undefined;
  #loadedAt = 0;
  #generations = 0;

  constructor(setup: WatchSetup) {
    this.#setup = setup;
  }

  /** Serves until the signal fires. */
  async run(): Promise<void> {
    const { values, signal, report } = this.#setup;
    using changes = new FileChanges({
      debounceMs: values.debounce ?? DEFAULT_DEBOUNCE_MS,
      isRelevant: (path) => this.#isRelevant(path),
      signal,
      report,
    });
    const isRead = await this.#readPlan();
    // What changes while the app is built for the first time has to be seen, too.
    this.#watch(changes);
    if (isRead) {
      for (const id of this.#isBuilding ? this.#plan!.unwatched : []) {
        report(
          `Note: Component ${id} has a build command and no 'watch': changes of its sources are ` +
            "not seen.",
        );
      }
      await this.#update(new Set(this.#plan!.builds.keys()));
    }
    this.#watch(changes);
    for (;;) {
      const paths = await changes.next();
      if (!paths) return;
      await this.#react(paths);
      this.#watch(changes);
    }
  }

  get #isBuilding(): boolean {
    return !this.#setup.values["skip-build"] && this.#setup.source.kind === "manifest";
  }

  #watch(changes: FileChanges): void {
    const { source } = this.#setup;
    const own = [source.path, ...this.#configFiles()].map((path) => dirname(path));
    const { trees = [], directories = [] } = this.#plan ?? {};
    changes.watch({ trees, directories: [...directories, ...own] });
  }

  /** Files that `up` reads beside the app. */
  #configFiles(): string[] {
    const { values, cwd } = this.#setup;
    const file = values["runtime-config-file"];
    return [join(cwd, ".env"), ...(file === undefined ? [] : [resolve(cwd, file)])];
  }

  #isRelevant(path: string): boolean {
    const { source } = this.#setup;
    // Stores and logs of the app itself; the app changes them by running.
    if (path.startsWith(join(dirname(source.path), ".spin") + SEPARATOR)) return false;
    const isConfig = path === source.path || this.#configFiles().includes(path);
    const isInput = this.#isBuilding && (this.#plan?.buildsFor(path).length ?? 0) > 0;
    return isConfig || isInput || (this.#plan?.isContent(path) ?? false);
  }

  async #react(paths: ReadonlySet<string>): Promise<void> {
    const { source } = this.#setup;
    const toBuild = new Set<string>();
    let isChanged = false;
    if (source.kind === "manifest" && paths.has(source.path) && await this.#isNew(source.path)) {
      isChanged = true;
      const before = this.#plan?.builds ?? new Map<string, string>();
      if (!await this.#readPlan()) return;
      for (const [id, build] of this.#plan!.builds) {
        if (before.get(id) !== build) toBuild.add(id);
      }
    }
    for (const path of paths) {
      const times = await timesOf(path);
      const inputs = this.#isBuilding ? this.#plan?.buildsFor(path) ?? [] : [];
      if (inputs.length > 0 && this.#own.isOfUser(path, times)) {
        for (const id of inputs) toBuild.add(id);
      }
      if (path === source.path && source.kind === "manifest") continue;
      const isRead = this.#plan?.isContent(path) || this.#configFiles().includes(path);
      if (isRead && await this.#isNew(path)) isChanged = true;
    }
    if (toBuild.size > 0 || isChanged) await this.#update(toBuild);
  }

  /** Whether a file is not what was loaded. */
  async #isNew(path: string): Promise<boolean> {
    const times = await timesOf(path);
    const known = this.#loaded.get(path);
    if (known !== undefined) return known !== versionOf(times);
    // Of other files it is enough that they were written before they were read.
    return !times?.mtime || times.mtime.getTime() >= this.#loadedAt - CLOCK_MS;
  }

  /** @returns whether the manifest could be read. */
  async #readPlan(): Promise<boolean> {
    const { source, cwd, values: { profile } } = this.#setup;
    this.#loaded.set(source.path, versionOf(await timesOf(source.path)));
    try {
      this.#plan = await readWatchPlan(source, {
        cwd,
        ...(profile === undefined ? {} : { profile }),
      });
      return true;
    } catch (error) {
      this.#fail(error, "");
      return false;
    }
  }

  async #update(toBuild: Set<string>): Promise<void> {
    if (!await this.#build(new Set([...toBuild, ...this.#unbuilt]))) return;
    await this.#load();
  }

  /** @returns whether everything is built. */
  async #build(ids: ReadonlySet<string>): Promise<boolean> {
    const { source, values, cwd, isTerminal, signal, report } = this.#setup;
    const known = [...ids].filter((id) => this.#plan!.builds.has(id));
    this.#unbuilt.clear();
    const selected = values["component-id"];
    const componentIds = known.filter((id) => selected.length === 0 || selected.includes(id));
    if (!this.#isBuilding || componentIds.length === 0) return true;
    if (values.clear && isTerminal) Deno.stderr.writeSync(CLEAR_SCREEN);
    this.#setup.host.begin("building");
    const output = new OutputTail();
    const end = this.#own.begin();
    try {
      await buildApp(source, {
        cwd,
        componentIds,
        isStdoutReserved: true,
        report,
        onOutput: (bytes) => output.add(bytes),
        signal,
        ...(values.profile === undefined ? {} : { profile: values.profile }),
      });
      return true;
    } catch (error) {
      for (const id of componentIds) this.#unbuilt.add(id);
      this.#fail(error, output.text);
      return false;
    } finally {
      end();
    }
  }

  async #load(): Promise<void> {
    const { host, report, signal } = this.#setup;
    const start = performance.now();
    const isFirst = !host.isServing;
    host.begin("loading");
    try {
      await this.#replace(isFirst);
      if (!isFirst) report(`Reloaded in ${Math.round(performance.now() - start)} ms`);
    } catch (error) {
      if (!signal.aborted) this.#fail(error, "");
    }
  }

  async #replace(isFirst: boolean): Promise<void> {
    const { source, values, host, cwd, cacheDir, temporary, isTerminal, livePage, report } =
      this.#setup;
    this.#loadedAt = Date.now();
    const workingDir = join(this.#setup.workingDir, String(this.#generations++));
    await Deno.mkdir(workingDir, { recursive: true });
    const removeContent = () => Deno.remove(workingDir, { recursive: true });
    try {
      const inputs = await readInputs(values, cwd);
      const { app, appDir, warnings } = await loadApp(source, {
        workingDir,
        cacheDir,
        cwd,
        directMounts: values["direct-mounts"] || "where-possible",
        environment: Object.fromEntries(values.env),
        componentIds: values["component-id"],
        ...(values.profile === undefined ? {} : { profile: values.profile }),
      });
      for (const warning of warnings) report(`Warning: ${warning}`);
      await this.#remember();
      const runtimeConfig = runtimeConfigFor({ values, inputs }, { cwd, appDir, temporary });
      checkStores(app, runtimeConfig);
      if (isFirst) {
        describe({ app, config: runtimeConfig, inputs }).forEach(report);
        await applyInitialData(inputs.initialData, {
          config: runtimeConfig,
          environment: (name) => Deno.env.get(name),
        });
      }
      const options = hostOptionsFor({ values, inputs }, { runtimeConfig, cacheDir, isTerminal });
      await host.load(app, {
        options: {
          ...options,
          workers: 1,
          truncateLogs: isFirst && options.truncateLogs,
          ...(livePage ? { livePage } : {}),
        },
        onEnd: removeContent,
      });
    } catch (error) {
      await removeContent();
      throw error;
    }
  }

  /** What the Wasm files and configurations are while they are loaded. */
  async #remember(): Promise<void> {
    for (const path of [...this.#loaded.keys(), ...this.#configFiles()]) {
      this.#loaded.set(path, versionOf(await timesOf(path)));
    }
  }

  /** Tells the terminal and browsers; what worked last goes on. */
  #fail(error: unknown, output: string): void {
    const { host, report, signal } = this.#setup;
    if (signal.aborted) return;
    if (!(error instanceof TerminalError || error instanceof UsageError)) throw error;
    report(`Error: ${error.message}`);
    if (host.isServing) report("The app that worked last goes on; waiting for changes.");
    else report("Waiting for changes.");
    host.explain([output.trim(), errorText(error)].filter((text) => text !== "").join("\n\n"));
  }
}

const CLEAR_SCREEN = new TextEncoder().encode("\x1b[2J\x1b[3J\x1b[H");

function describe(
  { inputs, ...options }: Omit<Parameters<typeof describeRuntimeConfig>[0], "parsed"> & {
    inputs: UpInputs;
  },
): string[] {
  const parsed = inputs.runtimeConfigFile;
  return describeRuntimeConfig({ ...options, ...(parsed === undefined ? {} : { parsed }) });
}

/** The end of what a build wrote. */
class OutputTail {
  readonly #decoder = new TextDecoder();
  text = "";

  add(bytes: Uint8Array): void {
    this.text = (this.text + this.#decoder.decode(bytes, { stream: true })).slice(-MAX_OUTPUT);
  }
}

async function timesOf(path: string): Promise<FileTimes> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

/** Differs for a file that was written again. */
function versionOf(times: FileTimes): string {
  return times ? `${times.mtime?.getTime()} ${(times as Deno.FileInfo).size}` : "";
}
