/**
 * Everything the installer does to a node goes through this: its files, its programs, containerd's
 * answers, and the time.
 *
 * @module
 */

import type { HostFiles } from "./host_files.ts";

/** Code of a program that was not run, because the node's mount namespace cannot be entered. */
export const CANNOT_ENTER = 126;

/** How a program ended. */
export interface CommandResult {
  /** 124: it took too long and was killed; 127: there is no such program; {@link CANNOT_ENTER}. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A runtime as a running containerd has it. */
export interface LoadedRuntime {
  readonly runtimeType: string | undefined;
  /** Undefined: containerd does not say. */
  readonly options: Readonly<Record<string, unknown>> | undefined;
}

/** The runtimes that a running containerd has, by handler. */
export type LoadedRuntimes = ReadonlyMap<string, LoadedRuntime>;

/** A node. */
export interface NodeHost {
  readonly files: HostFiles;
  /** Runs a program of the node, in the node's mount namespace. Never throws for how it ends. */
  run(
    command: readonly string[],
    options?: { readonly timeoutMs?: number },
  ): Promise<CommandResult>;
  /**
   * Asks the containerd behind a socket for its runtimes. Undefined if it does not answer.
   * @param socket Path on the node.
   */
  loadedRuntimes(socket: string): Promise<LoadedRuntimes | undefined>;
  /** Sends a signal to a process of the node. @throws {Error} if it cannot. */
  signal(pid: number, signal: "SIGTERM" | "SIGHUP"): void | Promise<void>;
  /** Milliseconds since 1970. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** Where the installer tells what it does. */
export interface InstallLog {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
