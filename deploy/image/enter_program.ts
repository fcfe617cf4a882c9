/**
 * `nsenter` for an image without anything: a program of a few hundred bytes that runs another one in
 * the mount namespace of the node. A process with threads, as Deno is, cannot enter one itself.
 *
 * @module
 */

import { type Architecture, assembleProgram } from "./exec_program.ts";

/** What is said when the namespace cannot be entered, beginning as util-linux has it. */
const MESSAGE = "nsenter: cannot enter the namespace\n";

/**
 * The file of a program for `nsenter -mFILE -- PROGRAM ARGUMENTS…`, in exactly this form: FILE is that
 * of a mount namespace, PROGRAM a path in it. It becomes PROGRAM, with its environment; it ends with
 * 127 if there is none, and with 126 and a message if the namespace cannot be entered.
 */
export function buildEnterProgram(arch: Architecture): Uint8Array<ArrayBuffer> {
  const text = [...new TextEncoder().encode(MESSAGE)];
  const code = arch === "x86_64" ? codeForX86(text.length) : codeForArm(text.length);
  return assembleProgram([...code, ...text], arch);
}

/** The stack is `argc, "nsenter", "-mFILE", "--", PROGRAM, …, 0, environment …, 0`. */
function codeForX86(messageLength: number): number[] {
  return [
    ...[0x48, 0x89, 0xe3], //                         mov rbx, rsp
    ...[0x48, 0x8b, 0x7b, 0x10], //                   mov rdi, [rbx + 16]
    ...[0x48, 0x83, 0xc7, 0x02], //                   add rdi, 2, behind "-m"
    ...[0xbe, 0x00, 0x00, 0x08, 0x00], //             mov esi, O_RDONLY | O_CLOEXEC
    ...[0xb8, 0x02, 0x00, 0x00, 0x00], //             mov eax, SYS_open
    ...[0x0f, 0x05], //                               syscall
    ...[0x89, 0xc7], //                               mov edi, eax, whether it is open or not
    ...[0xbe, 0x00, 0x00, 0x02, 0x00], //             mov esi, CLONE_NEWNS
    ...[0xb8, 0x34, 0x01, 0x00, 0x00], //             mov eax, SYS_setns
    ...[0x0f, 0x05], //                               syscall
    ...[0x85, 0xc0], //                               test eax, eax
    ...[0x75, 0x1d], //                               jne failed
    ...[0x48, 0x8b, 0x0b], //                         mov rcx, [rbx]
    ...[0x48, 0x8d, 0x54, 0xcb, 0x10], //             lea rdx, [rbx + rcx * 8 + 16]
    ...[0x48, 0x8d, 0x73, 0x20], //                   lea rsi, [rbx + 32]
    ...[0x48, 0x8b, 0x3e], //                         mov rdi, [rsi]
    ...[0xb8, 0x3b, 0x00, 0x00, 0x00], //             mov eax, SYS_execve
    ...[0x0f, 0x05], //                               syscall
    ...[0xbf, 0x7f, 0x00, 0x00, 0x00], //             mov edi, 127
    ...[0xeb, 0x1d], //                               jmp exit
    ...[0xbf, 0x02, 0x00, 0x00, 0x00], //     failed: mov edi, 2
    ...[0x48, 0x8d, 0x35, 0x18, 0x00, 0x00, 0x00], // lea rsi, [rip + 24], the message
    ...[0xba, messageLength, 0x00, 0x00, 0x00], //    mov edx, its length
    ...[0xb8, 0x01, 0x00, 0x00, 0x00], //             mov eax, SYS_write
    ...[0x0f, 0x05], //                               syscall
    ...[0xbf, 0x7e, 0x00, 0x00, 0x00], //             mov edi, 126
    ...[0xb8, 0x3c, 0x00, 0x00, 0x00], //       exit: mov eax, SYS_exit
    ...[0x0f, 0x05], //                               syscall
  ];
}

/** The same. */
function codeForArm(messageLength: number): number[] {
  const instructions = [
    0xf94003e9, //                        ldr x9, [sp]
    0xf9400be1, //                        ldr x1, [sp, #16]
    0x91000821, //                        add x1, x1, #2
    0x92800c60, //                        mov x0, AT_FDCWD
    0xd2a00102, //                        mov x2, O_RDONLY | O_CLOEXEC
    0xd2800003, //                        mov x3, #0
    0xd2800708, //                        mov x8, SYS_openat
    0xd4000001, //                        svc #0
    0xd2a00041, //                        mov x1, CLONE_NEWNS
    0xd2802188, //                        mov x8, SYS_setns
    0xd4000001, //                        svc #0
    0xb5000120, //                        cbnz x0, failed
    0x8b296fe2, //                        add x2, sp, x9, lsl #3
    0x91004042, //                        add x2, x2, #16
    0x910083e1, //                        add x1, sp, #32
    0xf94013e0, //                        ldr x0, [sp, #32]
    0xd2801ba8, //                        mov x8, SYS_execve
    0xd4000001, //                        svc #0
    0xd2800fe0, //                        mov x0, #127
    0x14000007, //                        b exit
    0xd2800040, //                failed: mov x0, #2
    0x100000e1, //                        adr x1, the message
    0xd2800002 | messageLength << 5, //   mov x2, its length
    0xd2800808, //                        mov x8, SYS_write
    0xd4000001, //                        svc #0
    0xd2800fc0, //                        mov x0, #126
    0xd2800ba8, //                  exit: mov x8, SYS_exit
    0xd4000001, //                        svc #0
  ];
  return instructions.flatMap((word) => [
    word & 0xff,
    word >>> 8 & 0xff,
    word >>> 16 & 0xff,
    word >>> 24,
  ]);
}
