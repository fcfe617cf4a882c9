/**
 * The hidden mode `prepare`: prepares one component in a process of its own.
 *
 * Arguments: the source file, the entry's directory and, of a component with dependencies, a
 * {@link Composition} in JSON. With `--serve` instead of them it takes any number of such lists from
 * stdin; see `prepare_server.ts`.
 *
 * On a user's mistake the only output is one JSON line on stdout,
 * `{"reason", "message"}`, and the exit code is 1.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import type { ComposedDependency } from "./compose/compose.ts";
import type { DependencySources } from "./compose_sources.ts";
import { prepareComponent } from "./prepare.ts";
import { isReadOnly, writeEntry } from "./prepared_store.ts";

/** What the process tells its parent when it fails. */
export interface PrepareFailure {
  readonly reason: string;
  readonly message: string;
  /** The store cannot be written; another directory may do. */
  readonly isReadOnly: boolean;
}

/** What a component is composed with. */
export interface Composition {
  /** The id of the component, for messages. */
  readonly component: string;
  readonly dependencies: readonly DependencyFile[];
}

/** A dependency in a file. */
export interface DependencyFile extends Omit<ComposedDependency, "bytes"> {
  readonly path: string;
}

/** Runs the mode. Sets the exit code instead of throwing, so that the parent gets one clear line. */
export async function runPrepare(words: readonly string[]): Promise<void> {
  if (words[0] === SERVE) return await serve();
  const failure = await prepareFile(words);
  if (!failure) return;
  console.log(JSON.stringify(failure));
  Deno.exitCode = 1;
}

const SERVE = "--serve";

async function serve(): Promise<void> {
  const { servePrepare } = await import("./prepare_server.ts");
  await servePrepare({
    requests: Deno.stdin.readable,
    prepare: prepareFile,
    rehearse,
    reply: (line) => console.log(line),
    memory: () => Deno.memoryUsage().rss,
  });
}

async function prepareFile(args: readonly string[]): Promise<PrepareFailure | undefined> {
  const [source, directory, composition] = args;
  if (source === undefined || directory === undefined) {
    throw new TerminalError("BadArguments", "prepare needs a source file and a directory");
  }
  try {
    const dependencies = composition === undefined
      ? undefined
      : await readDependencies(JSON.parse(composition));
    const files = await prepareComponent(await readSource(source), dependencies);
    await writeEntry(directory, files);
    return undefined;
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    return {
      reason: error.reason,
      message: error.message,
      isReadOnly: error.reason === "CannotStorePrepared" && isReadOnly(error),
    };
  }
}

async function rehearse(source: string): Promise<void> {
  try {
    await prepareComponent(await readSource(source));
  } catch {
    // What is wrong with it is said when it is prepared for something.
  }
}

async function readDependencies(composition: Composition): Promise<DependencySources> {
  const dependencies: ComposedDependency[] = [];
  for (const { path, ...dependency } of composition.dependencies) {
    dependencies.push({ ...dependency, bytes: await readSource(path) });
  }
  return { component: composition.component, dependencies };
}

async function readSource(path: string): Promise<Uint8Array> {
  const bytes = await Deno.readFile(path);
  if (!path.endsWith(".wat")) return bytes;
  const { parse } = await import("@bytecodealliance/jco");
  try {
    return await parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new TerminalError("InvalidWat", `the WebAssembly text is invalid: ${error}`, {
      cause: error,
    });
  }
}
