/**
 * A process that prepares the next component, and is warm already. To load the binding generator, and
 * to compile it, takes most of the time that preparing takes; while somebody edits an app it can be
 * done before there is anything to prepare.
 *
 * @module
 */

import { selfCommand } from "../../lib/self_command.ts";
import type { PrepareFailure } from "./prepare_main.ts";
import { prepareOutcome, runPrepareProcess } from "./prepare_process.ts";

/** Keeps one process ready after the first component. Whoever made it disposes it. */
export class SparePreparer implements Disposable {
  #spare: Deno.ChildProcess | undefined;
  #isDisposed = false;

  /** Runs the mode `prepare`. Calls at once are fine; only one of them gets the process that is ready. */
  async run(args: readonly string[]): Promise<PrepareFailure | undefined> {
    const spare = this.#spare;
    this.#spare = undefined;
    try {
      return await (spare ? give(spare, args) : runPrepareProcess(args));
    } finally {
      if (!this.#isDisposed) this.#spare ??= startSpare(args[0]!);
    }
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    const spare = this.#spare;
    this.#spare = undefined;
    try {
      spare?.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

/** @param source What it prepares to become warm: much of the next component is the same. */
function startSpare(source: string): Deno.ChildProcess {
  const [command, ...self] = selfCommand();
  const child = new Deno.Command(command, {
    args: [...self, "prepare", "--spare", source],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // It must not keep the program running.
  child.unref();
  return child;
}

async function give(
  spare: Deno.ChildProcess,
  args: readonly string[],
): Promise<PrepareFailure | undefined> {
  spare.ref();
  const output = spare.output();
  const writer = spare.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(JSON.stringify(args)));
    await writer.close();
  } catch {
    // It has died, as its exit code says; another one does the work.
    await output;
    return await runPrepareProcess(args);
  }
  return prepareOutcome(await output);
}
