/**
 * Questions to a person at a terminal.
 *
 * @module
 */

import { UsageError } from "../../../lib/errors.ts";

const ENTER: readonly number[] = [10, 13];
const CTRL_C = 3;
const CTRL_D = 4;
const BACKSPACE: readonly number[] = [8, 127];

/**
 * Asks for a line.
 * @param option What to give instead where nobody can be asked.
 * @throws {UsageError} if standard input is no terminal, or ends.
 */
export async function askLine(question: string, option: string): Promise<string> {
  checkTerminal(option);
  return await ask(question, { isSecret: false, option }) ?? "";
}

/**
 * As {@link askLine}, but nobody sees what is typed.
 * @returns Undefined after Ctrl-C, which the terminal does not act on meanwhile.
 */
export async function askSecret(question: string, option: string): Promise<string | undefined> {
  checkTerminal(option);
  Deno.stdin.setRaw(true);
  try {
    return await ask(question, { isSecret: true, option });
  } finally {
    Deno.stdin.setRaw(false);
    write("\n");
  }
}

function checkTerminal(option: string): void {
  if (Deno.stdin.isTerminal()) return;
  throw new UsageError(`There is no terminal to ask at; give ${option}`);
}

async function ask(
  question: string,
  { isSecret, option }: { isSecret: boolean; option: string },
): Promise<string | undefined> {
  write(question);
  const typed: number[] = [];
  const buffer = new Uint8Array(256);
  for (;;) {
    const count = await Deno.stdin.read(buffer);
    if (count === null) throw new UsageError(`The input has ended; give ${option}`);
    for (const byte of buffer.subarray(0, count)) {
      if (ENTER.includes(byte)) return new TextDecoder().decode(new Uint8Array(typed));
      if (isSecret && (byte === CTRL_C || byte === CTRL_D)) return undefined;
      if (isSecret && BACKSPACE.includes(byte)) typed.pop();
      else typed.push(byte);
    }
  }
}

function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
