/**
 * The hidden mode `prepare`: prepares one component in a process of its own.
 *
 * Arguments: the source file, the entry's directory and, of a component with dependencies, a
 * {@link Composition} in JSON. With `--spare FILE` it prepares that file for nothing, so that everything
 * is loaded, and takes its arguments from stdin, as JSON; if there are none, it ends.
 *
 * On a user's mistake the only output is one JSON line on stdout,
 * `{"reason", "message"}`, and the exit code is 1.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import type { ComposedDependency } from "./compose/compose.ts";
import { type DependencySources, prepareComponent } from "./prepare.ts";
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
  const args = words[0] === SPARE ? await takeJob(words[1]!) : words;
  if (args === undefined) return;
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
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    const failure: PrepareFailure = {
      reason: error.reason,
      message: error.message,
      isReadOnly: error.reason === "CannotStorePrepared" && isReadOnly(error),
    };
    console.log(JSON.stringify(failure));
    Deno.exitCode = 1;
  }
}

const SPARE = "--spare";

async function takeJob(source: string): Promise<readonly string[] | undefined> {
  try {
    await prepareComponent(await readSource(source));
  } catch {
    // What is wrong with it was said when it was prepared for something.
  }
  const text = await new Response(Deno.stdin.readable).text();
  return text === "" ? undefined : JSON.parse(text);
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
