/**
 * A program of a few hundred bytes that becomes another one: it runs a command with its own arguments
 * behind the command's. A script would do the same, but images without a shell cannot run scripts.
 *
 * @module
 */

/** Processors that programs are made for, as Deno names them. */
export type Architecture = "x86_64" | "aarch64";

/** Where the program is in memory: a page of any size that Linux has. */
const BASE = 0x400000;
const PAGE = 0x10000;

/** Sizes of the parts of an ELF file before the code: the header, and two entries of its table. */
const HEADER = 64;
const ENTRY = 56;
const CODE_AT = HEADER + 2 * ENTRY;

/** `e_machine` of the ELF header. */
const MACHINES: Readonly<Record<Architecture, number>> = { x86_64: 62, aarch64: 183 };

/**
 * The file of a program that runs `command`, whose first word is the path of a program, with the
 * arguments and the environment it gets itself. It ends with 127 if there is no such program. Linux
 * only; to be stored as an executable file.
 */
export function buildExecProgram(
  command: readonly [string, ...string[]],
  arch: Architecture,
): Uint8Array<ArrayBuffer> {
  // The length of the code depends on the number of words, not on their addresses.
  const placeholder = command.map(() => BASE);
  const textAt = CODE_AT + codeOf(placeholder, arch).length;
  const addresses: number[] = [];
  const words: number[] = [];
  for (const word of command) {
    addresses.push(BASE + textAt + words.length);
    words.push(...new TextEncoder().encode(word), 0);
  }
  return assembleProgram([...codeOf(addresses, arch), ...words], arch);
}

/** The file of a program: instructions, which are started at the first one, and what they read. */
export function assembleProgram(
  content: readonly number[],
  arch: Architecture,
): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...headerOf(arch),
    ...entriesOf(CODE_AT + content.length),
    ...content,
  ]);
}

function codeOf(addresses: readonly number[], arch: Architecture): number[] {
  return arch === "x86_64" ? codeForX86(addresses) : codeForArm(addresses);
}

/**
 * Linux starts programs with the stack `argc, argv[0], argv[1], …, 0, environment …, 0`. What the
 * command adds takes the place of argc and argv[0], and what is below them.
 */
function codeForX86(addresses: readonly number[]): number[] {
  return [
    ...[0x48, 0x8b, 0x0c, 0x24], //                            mov rcx, [rsp]
    ...[0x48, 0x8d, 0x54, 0xcc, 0x10], //                      lea rdx, [rsp + rcx * 8 + 16]
    ...[0x48, 0x83, 0xc4, 0x10], //                            add rsp, 16
    ...addresses.toReversed().flatMap((address) => [0x68, ...u32(address)]), // push address
    ...[0x48, 0x89, 0xe6], //                                  mov rsi, rsp
    ...[0xbf, ...u32(addresses[0]!)], //                       mov edi, address
    ...[0xb8, ...u32(59)], //                                  mov eax, SYS_execve
    ...[0x0f, 0x05], //                                        syscall
    ...[0xbf, ...u32(127)], //                                 mov edi, 127
    ...[0xb8, ...u32(60)], //                                  mov eax, SYS_exit
    ...[0x0f, 0x05], //                                        syscall
  ];
}

/** The same; addresses come from a table behind the code, as they do not fit into instructions. */
function codeForArm(addresses: readonly number[]): number[] {
  const count = 16;
  const table = 4 * count;
  const end = table + 8 * addresses.length;
  const instructions = [
    0xf94003e3, //                   ldr x3, [sp]
    0x8b236fe2, //                   add x2, sp, x3, lsl #3
    0x91004042, //                   add x2, x2, #16
    0x910043e1, //                   add x1, sp, #16
    addressOf(4, end - 4 * 4), //    adr x4, the table's end
    addressOf(5, table - 4 * 5), //  adr x5, the table
    0xf85f8c86, //             again: ldr x6, [x4, #-8]!
    0xf81f8c26, //                   str x6, [x1, #-8]!
    0xeb05009f, //                   cmp x4, x5
    0x54ffffa1, //                   b.ne again
    0xf94000a0, //                   ldr x0, [x5]
    0xd2801ba8, //                   mov x8, SYS_execve
    0xd4000001, //                   svc #0
    0xd2800fe0, //                   mov x0, #127
    0xd2800ba8, //                   mov x8, SYS_exit
    0xd4000001, //                   svc #0
  ];
  return [...instructions.flatMap(u32), ...addresses.flatMap(u64)];
}

/** `adr register, offset from this instruction`. */
function addressOf(register: number, offset: number): number {
  return (0x10000000 | (offset & 3) << 29 | (offset >> 2) << 5 | register) >>> 0;
}

/** The ELF header of a program for Linux. */
function headerOf(arch: Architecture): number[] {
  return [
    ...[0x7f, 0x45, 0x4c, 0x46], // magic
    ...[2, 1, 1, 0], // 64 bits, little-endian, version 1, System V
    ...Array<number>(8).fill(0),
    ...u16(2), // a program with fixed addresses
    ...u16(MACHINES[arch]),
    ...u32(1),
    ...u64(BASE + CODE_AT), // where it starts
    ...u64(HEADER), // where the entries are
    ...u64(0),
    ...u32(0),
    ...[HEADER, ENTRY, 2].flatMap(u16), // sizes, number of entries
    ...[0, 0, 0].flatMap(u16), // no sections
  ];
}

/** What is loaded: the file, to be read and run; and a stack that is not run. */
function entriesOf(size: number): number[] {
  const [load, stack] = [1, 0x6474e551];
  const [run, write, read] = [1, 2, 4];
  return [
    ...u32(load),
    ...u32(read | run),
    ...[0, BASE, BASE, size, size, PAGE].flatMap(u64),
    ...u32(stack),
    ...u32(read | write),
    ...[0, 0, 0, 0, 0, 16].flatMap(u64),
  ];
}

function u16(value: number): number[] {
  return [value & 0xff, value >> 8 & 0xff];
}

function u32(value: number): number[] {
  return [...u16(value & 0xffff), ...u16(value >>> 16)];
}

/** Only for values that 32 bits hold. */
function u64(value: number): number[] {
  return [...u32(value), 0, 0, 0, 0];
}
