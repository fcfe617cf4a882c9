/**
 * Components that run once and end: `wasi:cli/run`, for the command trigger and for WAGI.
 *
 * @module
 */

import type { LogSink } from "../imports/component_context.ts";

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
}

/** A component that exports `wasi:cli/run`. */
export interface Command {
  /**
   * Runs it on a new instance.
   * @returns The exit code: 0 if `run` returned ok, 1 if it returned an error, or what it exited with.
   * @throws {GuestFailure} by rejection, if it traps or is stopped.
   */
  run(options: CommandRun): Promise<number>;
}
