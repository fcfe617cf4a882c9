/**
 * Arguments, environment, clocks, randomness and the end of the program, for WASI preview 1.
 *
 * @module
 */

import type { GuestMemory } from "../guest_memory.ts";
import { ERRNO, Errno } from "./errno.ts";
import { NANOS_PER_SECOND } from "./layout.ts";
import type { WasiHost } from "./wasi_host.ts";

/** Functions of preview 1; each gives an error number, or throws what {@link toErrno} knows. */
export type Preview1Functions = Record<string, (...args: never[]) => number | Promise<number>>;

/** Numbers of the clocks. Those of CPU time are not offered, as in the adapter of WASI 0.2. */
export const CLOCKS = { realtime: 0, monotonic: 1 } as const;

/** The functions that deal with no files. */
export function createSystemFunctions(memory: GuestMemory, host: WasiHost): Preview1Functions {
  const encoder = new TextEncoder();

  function environment(): Uint8Array[] {
    return host["wasi:cli/environment"].getEnvironment()
      .map(([name, value]) => encoder.encode(`${name}=${value}\0`));
  }

  function programArguments(): Uint8Array[] {
    return host["wasi:cli/environment"].getArguments()
      .map((argument) => encoder.encode(`${argument}\0`));
  }

  function writeSizes(texts: readonly Uint8Array[], count: number, bytes: number): number {
    memory.setU32(count, texts.length);
    memory.setU32(bytes, texts.reduce((sum, text) => sum + text.length, 0));
    return ERRNO.success;
  }

  function writeTexts(texts: readonly Uint8Array[], pointers: number, buffer: number): number {
    let at = buffer;
    texts.forEach((text, index) => {
      memory.setU32(pointers + index * 4, at);
      memory.write(at, text);
      at += text.length;
    });
    return ERRNO.success;
  }

  return {
    args_sizes_get: (count: number, bytes: number) => writeSizes(programArguments(), count, bytes),
    args_get: (pointers: number, buffer: number) =>
      writeTexts(programArguments(), pointers, buffer),
    environ_sizes_get: (count: number, bytes: number) => writeSizes(environment(), count, bytes),
    environ_get: (pointers: number, buffer: number) => writeTexts(environment(), pointers, buffer),
    clock_res_get(clock: number, result: number) {
      memory.setU64(result, clockOf(host, clock).resolution());
      return ERRNO.success;
    },
    clock_time_get(clock: number, _precision: bigint, result: number) {
      memory.setU64(result, clockOf(host, clock).now());
      return ERRNO.success;
    },
    random_get(pointer: number, length: number) {
      memory.write(pointer, host["wasi:random/random"].getRandomBytes(BigInt(length >>> 0)));
      return ERRNO.success;
    },
    proc_exit: (code: number) => host["wasi:cli/exit"].exitWithCode(code >>> 0),
    proc_raise: () => ERRNO.notsup,
    // Guests are preempted anyway.
    sched_yield: () => ERRNO.success,
  };
}

/** A clock in nanoseconds. @throws {Errno} `badf` if it is not offered. */
export function clockOf(
  host: WasiHost,
  clock: number,
): { now(): bigint; resolution(): bigint } {
  if (clock === CLOCKS.monotonic) return host["wasi:clocks/monotonic-clock"];
  if (clock !== CLOCKS.realtime) throw new Errno("badf");
  const wall = host["wasi:clocks/wall-clock"];
  function toNanos({ seconds, nanoseconds }: { seconds: bigint; nanoseconds: number }): bigint {
    return seconds * NANOS_PER_SECOND + BigInt(nanoseconds);
  }
  return { now: () => toNanos(wall.now()), resolution: () => toNanos(wall.resolution()) };
}
