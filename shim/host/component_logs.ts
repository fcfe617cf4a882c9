/**
 * What guests write to their standard streams: to the terminal, and to two files a component.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";
import { join } from "../../lib/path.ts";
import type { LogSink } from "../imports/component_context.ts";
import { LogFile } from "./log_file.ts";
import { type LogTarget, LogWriter } from "./log_writer.ts";

/** Which components' output goes to the terminal. */
export type Follow = "all" | "none" | readonly string[];

/** Takes what a component has written. */
export type OutputListener = (id: string, stream: "stdout" | "stderr", bytes: Uint8Array) => void;

/** What {@link createComponentLogs} is given. */
export interface ComponentLogsOptions {
  /** Absolute path; undefined: no files. */
  readonly logDir?: string | undefined;
  readonly follow: Follow;
  /** Where followed output goes; default: stderr of the process. */
  readonly terminal?: LogTarget;
  /** Gets everything that any component writes. The bytes belong to it, but must not be changed. */
  readonly onOutput?: OutputListener | undefined;
  /** Gets warnings about logs that cannot be written. */
  readonly report: (lines: string[]) => void;
}

/** The sinks of one component. */
export interface ComponentSinks {
  readonly stdout: LogSink;
  readonly stderr: LogSink;
}

/** The logs of one isolate. */
export interface ComponentLogs {
  /** The sinks of the component called `id`; the same ones each time. They never block. */
  sinks(id: string): ComponentSinks;
  /** Resolves when all output so far is written, at the latest after `deadlineMs` milliseconds. */
  flush(deadlineMs: number): Promise<void>;
  /** Flushes within `deadlineMs` and closes the files. What is written later is still accepted. */
  close(deadlineMs: number): Promise<void>;
}

/**
 * Creates the logs of an isolate. Several isolates and processes may append to the same files: each
 * chunk stays in one piece.
 */
export function createComponentLogs(options: ComponentLogsOptions): ComponentLogs {
  const files: LogFile[] = [];
  const writers: LogWriter[] = [];
  const sinks = new Map<string, ComponentSinks>();

  function createWriter(target: LogTarget, onFailure: (message: string) => void): LogWriter {
    const writer = new LogWriter({ target, onFailure });
    writers.push(writer);
    return writer;
  }

  const terminal = createWriter(options.terminal ?? { write: writeStderr }, () => {
    // Nobody can be told: this is the place where warnings go, too.
  });

  function createSink(id: string, stream: "stdout" | "stderr"): LogSink {
    const targets: Pick<LogWriter, "push">[] = isFollowed(options.follow, id) ? [terminal] : [];
    const { onOutput } = options;
    if (onOutput) targets.push({ push: (bytes) => onOutput(id, stream, bytes) });
    if (options.logDir !== undefined) {
      const path = join(options.logDir, `${sanitizeFileName(id)}_${stream}.txt`);
      const file = new LogFile(path);
      files.push(file);
      targets.push(createWriter(file, (message) => {
        options.report([
          `Warning: output of component "${id}" is lost: cannot write "${path}": ${message}`,
        ]);
      }));
    }
    return {
      write(bytes) {
        for (const target of targets) target.push(bytes, id);
      },
    };
  }

  async function flush(deadlineMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([deadline, Promise.all(writers.map((writer) => writer.flush()))]);
    clearTimeout(timer);
  }

  return {
    sinks(id) {
      let found = sinks.get(id);
      if (!found) {
        found = { stdout: createSink(id, "stdout"), stderr: createSink(id, "stderr") };
        sinks.set(id, found);
      }
      return found;
    },
    flush,
    async close(deadlineMs) {
      await flush(deadlineMs);
      files.forEach((file) => file.close());
    },
  };
}

function isFollowed(follow: Follow, id: string): boolean {
  return follow === "all" || (follow !== "none" && follow.includes(id));
}

async function writeStderr(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await Deno.stderr.write(bytes.subarray(at));
}

/**
 * Checks the ids of `--follow`.
 * @throws {TerminalError} listing those that do not exist, and those that do.
 */
export function checkFollow(follow: Follow, componentIds: readonly string[]): void {
  if (typeof follow === "string") return;
  const unknown = follow.filter((id) => !componentIds.includes(id));
  if (unknown.length === 0) return;
  const bullets = (ids: readonly string[]) => ids.map((id) => `  - ${id}`);
  throw new TerminalError(
    "UnknownComponent",
    [
      "The following component(s) specified in --follow do not exist in the application:",
      ...bullets(unknown),
      "The following components exist:",
      ...bullets(componentIds),
    ].join("\n"),
  );
}

/**
 * Makes sure that the log directory exists and, with `truncate`, empties the log files in it. Done
 * once, before any isolate writes.
 * @throws {TerminalError} naming the path that cannot be used.
 */
export async function prepareLogDirectory(
  logDir: string,
  { truncate }: { truncate: boolean },
): Promise<void> {
  try {
    await Deno.mkdir(logDir, { recursive: true });
    if (!truncate) return;
    for await (const entry of Deno.readDir(logDir)) {
      if (!entry.isFile || !/std(?:out|err)\.txt$/.test(entry.name)) continue;
      await Deno.truncate(join(logDir, entry.name));
    }
  } catch (error) {
    throw new TerminalError(
      "UnusableLogDirectory",
      `Cannot use log directory "${logDir}": ${errorText(error)}. ` +
        "Give another one with --log-dir.",
      { cause: error },
    );
  }
}

const RESERVED_NAMES = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$/i;

/** `id` without what some file system does not allow in a name. */
export function sanitizeFileName(id: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what has to go
  const name = id.replace(/[/?<>\\:*|"\x00-\x1f\x80-\x9f]/g, "").replace(/[. ]+$/, "");
  return RESERVED_NAMES.test(name) ? "" : name;
}
