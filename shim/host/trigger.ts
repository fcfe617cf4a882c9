/**
 * What the host needs of a trigger type. HTTP is served by every isolate; the triggers here run in
 * the main isolate only, where messages are taken from somewhere and given to guests.
 *
 * @module
 */

import type { LockedTrigger } from "../loader/locked_app.ts";
import type { Guests } from "./guests.ts";
import type { HostOptions } from "./host_options.ts";

/** What a trigger type is started with. */
export interface TriggerInit {
  /** All triggers of this type, in the app's order. The loader has validated them. */
  readonly triggers: readonly LockedTrigger[];
  /** `[application.trigger.<type>]`; `{}` without. */
  readonly globals: LockedTrigger["trigger_config"];
  readonly guests: Guests;
  readonly options: HostOptions;
  /** The process environment, for credentials that services' own tools look for there. */
  readonly environment: (name: string) => string | undefined;
  /** Renders a template over the app's variables. @throws {Error} by rejection. */
  readonly render: (template: string) => Promise<string>;
  /** Writes lines for the user, to stderr. */
  readonly report: (lines: string[]) => void;
  /** Writes lines of the start-up listing, to stdout; nothing if announcements are off. */
  readonly announce: (lines: string[]) => void;
}

/** The running triggers of one type. */
export interface RunningTrigger {
  /**
   * Resolves with the exit code when there is nothing left to do (a command has ended), and rejects
   * when going on is useless, with a {@link TerminalError} that says why. Pending otherwise.
   */
  readonly ended: Promise<number>;
  /** Takes no more messages, lets those in work end within `graceMs` milliseconds, and closes. */
  stop(graceMs: number): Promise<void>;
}

/** Starts the triggers of one type. @throws {TerminalError} by rejection, if they cannot start. */
export type StartTrigger = (init: TriggerInit) => Promise<RunningTrigger>;
