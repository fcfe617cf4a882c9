/**
 * The program as a user starts it, for tests.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { DENO_FLAGS } from "../../lib/self_command.ts";

/** Root of the source tree. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** Directory of the sample app. */
export const SAMPLE: string = `${ROOT}deploy/samples/hello`;

/** The default of {@link ProgramOptions.timeoutMs}. */
const DEADLINE_MS = 60_000;

/** How to start the program. */
export interface ProgramOptions {
  /** Program and first arguments; default: `main.ts` by this Deno. */
  readonly command?: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with everything the program writes to stdout. */
  readonly onStdout?: (text: string) => void;
  /** Milliseconds until the program is killed, which fails the test. */
  readonly timeoutMs?: number;
}

/** How a program ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that has been started. */
export interface Program extends AsyncDisposable {
  /** The first listing of `--format json` on stdout. @throws {Error} if the program ends before. */
  listing(): Promise<{ base_url: string; routes: Record<string, unknown>[] }>;
  kill(signal: Deno.Signal): void;
  /** Waits for the end. */
  outcome(): Promise<Outcome>;
}

/** Starts the program. Disposing the result kills what still runs. */
export function startProgram(args: readonly string[], options: ProgramOptions = {}): Program {
  const [file, ...first] = options.command ??
    [Deno.execPath(), "run", ...DENO_FLAGS, `${ROOT}main.ts`];
  const child = new Deno.Command(file!, {
    args: [...first, ...args],
    cwd: options.cwd ?? ROOT,
    env: { NO_COLOR: "1", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => killQuietly(child), options.timeoutMs ?? DEADLINE_MS);
  const output = { stdout: "", stderr: "" };
  const changed = new EventTarget();
  async function collect(name: "stdout" | "stderr"): Promise<void> {
    for await (const text of child[name].pipeThrough(new TextDecoderStream())) {
      output[name] += text;
      if (name === "stdout") options.onStdout?.(text);
      changed.dispatchEvent(new Event("change"));
    }
  }
  const ended = Promise.all([child.status, collect("stdout"), collect("stderr")])
    .then(([{ code }]) => {
      clearTimeout(timer);
      return { code, ...output };
    });
  function listingNow(): { base_url: string; routes: Record<string, unknown>[] } | undefined {
    // The listing is indented, so only its last line is a brace alone.
    return /^\{\n[^]*?^\}$/m.test(output.stdout) ? JSON.parse(output.stdout) : undefined;
  }
  return {
    async listing() {
      const listed = new Promise<void>((resolve) => {
        if (listingNow()) resolve();
        changed.addEventListener("change", () => listingNow() && resolve());
      });
      await Promise.race([listed, ended]);
      const listing = listingNow();
      if (!listing) throw new Error(`The program ended: ${JSON.stringify(await ended)}`);
      return listing;
    },
    kill: (signal) => child.kill(signal),
    outcome: () => ended,
    async [Symbol.asyncDispose]() {
      killQuietly(child);
      await ended;
    },
  };
}

/** Runs the program to its end. */
export async function runProgram(
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Outcome> {
  await using program = startProgram(args, options);
  return await program.outcome();
}

function killQuietly(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended already.
    if (!(error instanceof TypeError)) throw error;
  }
}
