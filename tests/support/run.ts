/**
 * Programs that tests run to their end.
 *
 * @module
 */

/** How to run it. */
export interface RunOptions {
  /** Text for its stdin; default: none. */
  readonly stdin?: string;
  /** Milliseconds after which it is killed; default: 30 s. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** How it ended. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, or until it has taken too long: then its code is 137. */
export async function run(
  program: string,
  args: readonly string[],
  { stdin, timeoutMs = 30_000, env = {} }: RunOptions = {},
): Promise<RunResult> {
  const child = new Deno.Command(program, {
    args: [...args],
    env: { ...env },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  try {
    const [output] = await Promise.all([
      child.output(),
      stdin === undefined ? undefined : feed(child.stdin, stdin),
    ]);
    const decoder = new TextDecoder();
    return {
      code: output.code,
      stdout: decoder.decode(output.stdout),
      stderr: decoder.decode(output.stderr),
    };
  } finally {
    clearTimeout(timer);
  }
}

async function feed(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // It ended before it had read everything; its code tells why.
  }
}
