/**
 * Finds a component's prepared form, or has it made.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { readWholeFile } from "../../lib/read_file.ts";
import { selfCommand } from "../../lib/self_command.ts";
import { sha256Hex } from "./artifact.ts";
import type { PrepareFailure } from "./prepare_main.ts";
import { entryName, type PreparedComponent, readEntry } from "./prepared_store.ts";

/** Options of {@link prepare}. */
export interface PrepareOptions {
  /** The component's id, for messages. */
  readonly component: string;
  /** The user's cache; entries go into `prepared/`. */
  readonly cacheDir: string;
  /** Used when `cacheDir` cannot be written; removed by the caller. */
  readonly fallbackDir: () => Promise<string>;
  /** Tells the user about something that costs time or is odd. */
  readonly report: (line: string) => void;
}

/**
 * The prepared form of the Wasm file at `path`, from the store or made now, in a process of its own.
 * @throws {TerminalError} if the file cannot be read or cannot run here, naming the component.
 */
export async function prepare(path: string, options: PrepareOptions): Promise<PreparedComponent> {
  const source = await readSource(path, options.component);
  const name = entryName(await sha256Hex(source));
  const directory = `${options.cacheDir}/prepared/${name}`;
  const found = await readEntry(directory);
  if (found) return found;
  const failure = await runPrepareProcess(path, directory);
  if (!failure) return await readPrepared(directory, options.component);
  if (!failure.isReadOnly) throw explain(failure, { path, component: options.component });
  options.report(
    `Cannot write to "${options.cacheDir}": components are prepared anew at every start. ` +
      "Choose a writable directory with --cache-dir.",
  );
  const elsewhere = `${await options.fallbackDir()}/${name}`;
  const again = await runPrepareProcess(path, elsewhere);
  if (again) throw explain(again, { path, component: options.component });
  return await readPrepared(elsewhere, options.component);
}

async function readSource(path: string, component: string): Promise<Uint8Array> {
  try {
    return await readWholeFile(path);
  } catch (error) {
    throw new TerminalError(
      "UnreadableSource",
      `Cannot read "${path}", the source of component "${component}": ${(error as Error).message}`,
      { cause: error },
    );
  }
}

async function readPrepared(directory: string, component: string): Promise<PreparedComponent> {
  const prepared = await readEntry(directory);
  if (prepared) return prepared;
  throw new TerminalError(
    "CannotStorePrepared",
    `The prepared form of component "${component}" in "${directory}" was damaged as soon as it was ` +
      "written; check the disk, or choose another directory with --cache-dir",
  );
}

function explain(
  failure: PrepareFailure,
  { path, component }: { path: string; component: string },
): TerminalError {
  const message = failure.reason === "CannotStorePrepared"
    ? failure.message
    : `Cannot run component "${component}" (${path}): ${failure.message}`;
  return new TerminalError(failure.reason, message);
}

async function runPrepareProcess(
  source: string,
  directory: string,
): Promise<PrepareFailure | undefined> {
  const [command, ...args] = selfCommand();
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args, "prepare", source, directory],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (code === 0) return undefined;
  const text = new TextDecoder().decode(stdout).trim();
  try {
    return JSON.parse(text);
  } catch {
    const log = new TextDecoder().decode(stderr).trim().split("\n").slice(0, 5).join("\n");
    throw new Error(`The process that prepares components ended with ${code}: ${log || text}`);
  }
}
