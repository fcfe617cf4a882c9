/**
 * Components that run once and end: `wasi:cli/run`, for the command trigger and for WAGI.
 *
 * @module
 */

import type { ArtifactManifest } from "../engine/artifact.ts";
import {
  type ComponentInstance,
  type EngineShared,
  loadComponent,
  type LoadedComponent,
} from "../engine/component.ts";
import type { PoolShared } from "../engine/instance_pool.ts";
import { type LinkedImports, linkImports } from "../engine/link.ts";
import { RequestCancelled } from "../engine/preemption.ts";
import type { ComponentContext, ImportObject, LogSink } from "../imports/component_context.ts";
import { createWasiCli, GuestExit } from "../imports/wasi_cli.ts";
import { guestFailure } from "./guest_failure.ts";
import type { IsolateComponent } from "./guests.ts";

/** One run of a command. */
export interface CommandRun {
  readonly arguments: readonly string[];
  /** Added to the component's own environment, and before it. */
  readonly environment: readonly (readonly [string, string])[];
  /** Default: an empty stream. */
  readonly stdin?: ReadableStream<Uint8Array>;
  /** Default: the component's log. */
  readonly stdout?: LogSink;
  /** Default: the component's log. */
  readonly stderr?: LogSink;
  /** Ends the guest when it fires. */
  readonly signal?: AbortSignal;
  /** Milliseconds of CPU time that it may use. Default: 0, no limit. */
  readonly cpuLimitMs?: number;
}

/** A component that exports `wasi:cli/run`. */
export interface Command {
  /**
   * Runs it on a new instance.
   * @returns The exit code: 0 if `run` returned ok, 1 if it returned an error, or what it exited with.
   * @throws {GuestFailure} by rejection, if it traps or is stopped.
   * @throws {InstanceLimitReached} by rejection, if there is no room for an instance in time.
   */
  run(options: CommandRun): Promise<number>;
}

/** The versions of `wasi:cli/run` that are one function without asynchronous parts. */
const RUN = /^wasi:cli\/run@0\.2\.\d+$/;

/** What an instance costs beside its memory, in bytes, roughly. */
const OVERHEAD_BYTES = 64 << 10;

/** The export of a component that runs it as a command; undefined if it is none. */
export function commandExport({ exports, bindings }: ArtifactManifest): string | undefined {
  // A component that uses the asynchronous model is instantiated in another way.
  return bindings === "async" ? undefined : exports.find((name) => RUN.test(name));
}

/** Whether a component can be run as a command, and called in no other way. */
export function isOnlyCommand(manifest: ArtifactManifest): boolean {
  return commandExport(manifest) !== undefined && manifest.exports.every((name) => RUN.test(name));
}

/** What a {@link Command} is made from. */
export interface CommandOptions {
  readonly context: ComponentContext;
  /** The interfaces of the host, of which each run has some for itself. */
  readonly offered: ImportObject;
  readonly engine: EngineShared;
  readonly shared: PoolShared;
}

/**
 * Makes a command of a component that {@link commandExport} knows.
 * @throws {TerminalError} by rejection, if it imports what the host does not offer.
 */
export async function createCommand(
  component: IsolateComponent,
  options: CommandOptions,
): Promise<Command> {
  const { id, manifest } = component;
  const imports = linkImports(manifest, { component: id, offered: options.offered });
  const loaded = await loadComponent({ ...component, imports, shared: options.engine });
  return new ComponentCommand(loaded, options);
}

class ComponentCommand implements Command {
  readonly #component: LoadedComponent;
  readonly #options: CommandOptions;
  /** What the last instance took at its start; the first one is only guessed. */
  #chargedBytes = OVERHEAD_BYTES;

  constructor(component: LoadedComponent, options: CommandOptions) {
    this.#component = component;
    this.#options = options;
  }

  async run(run: CommandRun): Promise<number> {
    const { budget } = this.#options.shared;
    const charged = this.#chargedBytes;
    if (!budget.tryTake(charged)) await budget.take(charged);
    try {
      if (run.signal?.aborted) throw guestFailure(this.#component.id, new RequestCancelled());
      const instance = await this.#instantiate(run);
      this.#chargedBytes = OVERHEAD_BYTES + sizeOf(instance);
      return await this.#runInstance(instance, run.signal);
    } finally {
      budget.give(charged);
    }
  }

  async #instantiate(run: CommandRun): Promise<ComponentInstance> {
    const own = { imports: this.#link(run), cpuLimitMs: run.cpuLimitMs ?? 0 };
    try {
      return await this.#component.instantiate(own);
    } catch (error) {
      throw guestFailure(this.#component.id, error);
    }
  }

  /** The run's own arguments, environment and standard streams, and the component's other imports. */
  #link(run: CommandRun): LinkedImports {
    const { context, offered } = this.#options;
    const cli = createWasiCli({
      ...context,
      arguments: run.arguments,
      environment: [...run.environment, ...context.environment],
      stdout: run.stdout ?? context.stdout,
      stderr: run.stderr ?? context.stderr,
    }, { stdin: run.stdin });
    const { id, manifest } = this.#component;
    return linkImports(manifest, { component: id, offered: { ...offered, ...cli } });
  }

  async #runInstance(
    instance: ComponentInstance,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    function cancel(): void {
      instance.preemption.cancel();
      // It may be waiting for something, and then has no turn in which to notice.
      instance.abandon();
    }
    instance.preemption.begin();
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      const { run } = instance.exports[commandExport(this.#component.manifest)!]!;
      await (run as () => Promise<void>)();
      return 0;
    } catch (error) {
      if (error instanceof GuestExit) return error.code;
      // The bindings throw what a function returns as an error.
      if (error instanceof Error && Object.hasOwn(error, "payload")) return 1;
      throw guestFailure(this.#component.id, signal?.aborted ? new RequestCancelled() : error);
    } finally {
      signal?.removeEventListener("abort", cancel);
      instance.disposeResources();
      instance.abandon();
      this.#options.shared.collector.dropped(sizeOf(instance));
    }
  }
}

function sizeOf({ memories }: ComponentInstance): number {
  return memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
}
