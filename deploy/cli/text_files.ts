/**
 * Files that commands read and write for the user.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";

/**
 * The content of a file; `-` is standard input.
 * @throws {TerminalError} in the words of Go if it cannot be read.
 */
export async function readInput(path: string): Promise<Uint8Array> {
  if (path === "-") return await new Response(Deno.stdin.readable).bytes();
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw fileError(error, { path, operation: "open" });
  }
}

/**
 * Writes a text for nobody but its owner to read, replacing what was there, and says so on stderr;
 * undefined and `-` are standard output.
 *
 * @throws {TerminalError} in the words of Go if it cannot be written; the old file then is as it was.
 */
export async function writeOutput(path: string | undefined, text: string): Promise<void> {
  if (path === undefined || path === "-") {
    await writeAll(Deno.stdout, text);
    return;
  }
  try {
    if (await isReplaceable(path)) await replaceFile(path, text);
    else await Deno.writeTextFile(path, text);
  } catch (error) {
    throw fileError(error, { path, operation: "open" });
  }
  const time = goTimestamp(new Date());
  await writeAll(Deno.stderr, `${time} \nApplication manifest saved to ${path}\n`);
}

/** A file that does not exist or is an ordinary one; links and devices are written through. */
async function isReplaceable(path: string): Promise<boolean> {
  try {
    return (await Deno.lstat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    await Deno.writeTextFile(temporary, text, { mode: 0o600, createNew: true });
    await Deno.rename(temporary, path);
  } catch (error) {
    // It may not even have been made; the first error is the one that tells why.
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

async function writeAll(
  writer: { write(bytes: Uint8Array): Promise<number> },
  text: string,
): Promise<void> {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(await writer.write(bytes));
}

/** As Go's `log` begins its lines, in local time: `2006/01/02 15:04:05`. */
function goTimestamp(now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("/");
  return `${date} ${[now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(":")}`;
}

function fileError(
  error: unknown,
  { path, operation }: { path: string; operation: string },
): unknown {
  const texts: readonly (readonly [kind: new (...args: never[]) => Error, text: string])[] = [
    [Deno.errors.NotFound, "no such file or directory"],
    [Deno.errors.PermissionDenied, "permission denied"],
    [Deno.errors.IsADirectory, "is a directory"],
    [Deno.errors.NotADirectory, "not a directory"],
  ];
  const text = texts.find(([kind]) => error instanceof kind)?.[1];
  if (text === undefined) return error;
  return new TerminalError("FileError", `${operation} ${path}: ${text}`, { cause: error });
}
