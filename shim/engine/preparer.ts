/**
 * Finds a component's prepared form, or has it made.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { readWholeFile } from "../../lib/read_file.ts";
import { sha256Hex } from "./artifact.ts";
import type { Composition, DependencyFile, PrepareFailure } from "./prepare_main.ts";
import { type RunPrepare, runPrepareProcess } from "./prepare_process.ts";
import { entryName, type PreparedComponent, readEntry } from "./prepared_store.ts";

/** Options of {@link prepare}. */
export interface PrepareOptions {
  /** The component's id, for messages. */
  readonly component: string;
  /** Are composed with it. Default: none. */
  readonly dependencies?: readonly DependencyFile[];
  /** What messages call the file. Default: its path. */
  readonly displayPath?: string;
  /** The user's cache; entries go into `prepared/`. */
  readonly cacheDir: string;
  /** Used when `cacheDir` cannot be written; removed by the caller. */
  readonly fallbackDir: () => Promise<string>;
  /** Tells the user about something that costs time or is odd. */
  readonly report: (line: string) => void;
  /** Default: in a process for each component. */
  readonly run?: RunPrepare | undefined;
}

/**
 * The prepared form of the Wasm file at `path`, from the store or made now, in a process of its own.
 * @throws {TerminalError} if the file cannot be read or cannot run here, naming the component.
 */
export async function prepare(path: string, options: PrepareOptions): Promise<PreparedComponent> {
  const source = await readSource(path, `component "${options.component}"`);
  const name = entryName(await entryKey(source, options));
  const directory = `${options.cacheDir}/prepared/${name}`;
  const found = await readEntry(directory);
  if (found) return warned(found, options);
  const composition = options.dependencies?.length
    ? [JSON.stringify(
      { component: options.component, dependencies: options.dependencies } satisfies Composition,
    )]
    : [];
  const run = options.run ?? runPrepareProcess;
  const failure = await run([path, directory, ...composition]);
  if (!failure) return warned(await readPrepared(directory, options.component), options);
  const shown = { path: options.displayPath ?? path, component: options.component };
  if (!failure.isReadOnly) throw explain(failure, shown);
  options.report(
    `Cannot write to "${options.cacheDir}": components are prepared anew at every start. ` +
      "Choose a writable directory with --cache-dir.",
  );
  const elsewhere = `${await options.fallbackDir()}/${name}`;
  const again = await run([path, elsewhere, ...composition]);
  if (again) throw explain(again, shown);
  return warned(await readPrepared(elsewhere, options.component), options);
}

/**
 * The prepared form in `directory`: in a node's store, where {@link prepare} made it and which is
 * read-only for all but root. Its content is taken as it is.
 * @throws {TerminalError} if it is incomplete or of another version of the engine.
 */
export async function openPrepared(
  directory: string,
  options: Pick<PrepareOptions, "component" | "report">,
): Promise<PreparedComponent> {
  const prepared = await readEntry(directory, { isTrusted: true });
  if (prepared) return warned(prepared, options);
  throw new TerminalError(
    "UnreadablePrepared",
    `The prepared form of component "${options.component}" in "${directory}" is missing, damaged or ` +
      "of another version; have it prepared again",
  );
}

/** Tells at every start what is odd about a component, as the original does. */
function warned(
  prepared: PreparedComponent,
  options: Pick<PrepareOptions, "component" | "report">,
): PreparedComponent {
  for (const warning of prepared.manifest.warnings ?? []) {
    options.report(`Warning: component "${options.component}": ${warning}`);
  }
  return prepared;
}

/** In hex: a digest of the source, or of all that a composed component is made from. */
async function entryKey(source: Uint8Array, options: PrepareOptions): Promise<string> {
  const { component, dependencies = [] } = options;
  const digest = await sha256Hex(source);
  if (dependencies.length === 0) return digest;
  const parts: unknown[] = [digest];
  for (const { path, ...dependency } of dependencies) {
    const owner = `dependency "${dependency.name}" of component "${component}"`;
    const bytes = await readSource(path, owner);
    parts.push([await sha256Hex(bytes), dependency.name, dependency.export, dependency.inherit]);
  }
  return await sha256Hex(new TextEncoder().encode(JSON.stringify(parts)));
}

/** @param owner For messages: `component "hello"`. */
async function readSource(path: string, owner: string): Promise<Uint8Array> {
  try {
    return await readWholeFile(path);
  } catch (error) {
    throw new TerminalError(
      "UnreadableSource",
      `Cannot read "${path}", the source of ${owner}: ${(error as Error).message}`,
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
