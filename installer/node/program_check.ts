/**
 * Whether a file can be a program of this node. A shim that does not start is noticed by the first
 * pod otherwise.
 *
 * @module
 */

import type { HostFiles } from "./host_files.ts";

/** What is wrong: it is certain, or only unusual. */
export interface ProgramProblem {
  /** The node's fault rather than the program's. */
  readonly isNodes: boolean;
  readonly message: string;
}

/** ELF's numbers of machines. */
const MACHINES: Readonly<Record<string, { number: number; name: string }>> = {
  x86_64: { number: 62, name: "x86-64" },
  aarch64: { number: 183, name: "arm64" },
};
const ELF = "\x7fELF";
/** Type of the program header that names the loader. */
const INTERPRETER = 3;
/** Headers are near the beginning of a program. */
const HEAD_BYTES = 64 * 1024;

/**
 * Looks at a program's first bytes.
 *
 * @param path The program, for this process.
 * @param options.arch The node's: `x86_64` or `aarch64`.
 * @returns What makes it certain that it cannot run; undefined if nothing does.
 */
export async function checkProgram(
  path: string,
  { files, arch }: { readonly files: HostFiles; readonly arch: string },
): Promise<ProgramProblem | undefined> {
  const head = await readHead(path);
  if (head.length === 0) return { isNodes: false, message: "it is empty" };
  const start = String.fromCharCode(...head.subarray(0, 512));
  if (/^\s*</.test(start)) return { isNodes: false, message: "it is a web page, not a program" };
  if (start.startsWith("\x1f\x8b")) {
    return { isNodes: false, message: "it is a compressed archive, not a program" };
  }
  if (!start.startsWith(ELF)) return undefined;
  const elf = readElf(head);
  const machine = MACHINES[arch];
  if (machine && elf.machine !== machine.number) {
    const other = Object.values(MACHINES).find(({ number }) => number === elf.machine);
    return {
      isNodes: false,
      message: `it is for ${
        other?.name ?? `machine ${elf.machine}`
      }, and the node is ${machine.name}`,
    };
  }
  if (elf.loader === undefined || await files.exists(elf.loader)) return undefined;
  return {
    isNodes: true,
    message:
      `it needs the loader "${elf.loader}", which the node does not have: use a static program`,
  };
}

async function readHead(path: string): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const buffer = new Uint8Array(HEAD_BYTES);
  let length = 0;
  while (length < buffer.length) {
    const count = await file.read(buffer.subarray(length));
    if (count === null) break;
    length += count;
  }
  return buffer.subarray(0, length);
}

function readElf(head: Uint8Array): { machine: number; loader: string | undefined } {
  if (head.length < 64) return { machine: 0, loader: undefined };
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const machine = view.getUint16(18, true);
  const table = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  for (let index = 0; index < view.getUint16(56, true); index++) {
    const at = table + index * size;
    if (size < 56 || at + size > head.length) break;
    if (view.getUint32(at, true) !== INTERPRETER) continue;
    const offset = Number(view.getBigUint64(at + 8, true));
    const length = Number(view.getBigUint64(at + 32, true));
    const name = head.subarray(offset, Math.min(offset + length, head.length));
    return { machine, loader: new TextDecoder().decode(name).replace(/\0.*$/s, "") };
  }
  return { machine, loader: undefined };
}
