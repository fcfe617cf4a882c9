/**
 * WASI preview 1 (`wasi_snapshot_preview1`) for core modules that run without a component around
 * them, over the host's functions of WASI 0.2. Behaves as Wasmtime's adapter does.
 *
 * @module
 */

import type { GatedFunction } from "../gate.ts";
import type { GuestMemory } from "../guest_memory.ts";
import { Errno, toErrno } from "./errno.ts";
import { FdTable } from "./fd_table.ts";
import { createFileFunctions } from "./files.ts";
import { createPathFunctions } from "./paths.ts";
import { Polling } from "./poll.ts";
import { createSystemFunctions, type Preview1Functions } from "./system.ts";
import type { WasiHost } from "./wasi_host.ts";

/** The name of the import module. */
export const PREVIEW1 = "wasi_snapshot_preview1";

/** The functions that may have to wait. */
export const PREVIEW1_WAITS: Readonly<Record<string, GatedFunction>> = {
  fd_read: { params: ["i32", "i32", "i32", "i32"], hasResult: true },
  fd_write: { params: ["i32", "i32", "i32", "i32"], hasResult: true },
  poll_oneoff: { params: ["i32", "i32", "i32", "i32"], hasResult: true },
};

/** Preview 1 for one instance. */
export interface Preview1 {
  /** By name. Each gives an error number, or a promise of it if it is one of those that wait. */
  readonly functions: Readonly<Record<string, (...args: never[]) => number | Promise<number>>>;
  /** Whether the descriptors are as they are at first. */
  isInitial(): boolean;
  /** Forgets all descriptors. @returns what the guest left open. */
  clear(): Disposable[];
}

/** Makes preview 1 for one instance. */
export function createPreview1(memory: GuestMemory, host: WasiHost): Preview1 {
  const table = new FdTable(host);
  const polling = new Polling(memory, { table, host });
  const functions: Preview1Functions = {
    ...createSystemFunctions(memory, host),
    ...createFileFunctions(memory, table),
    ...createPathFunctions(memory, table),
    ...createSocketFunctions(table),
    ...polling.functions(),
  };
  return {
    functions: Object.fromEntries(
      Object.entries(functions).map(([name, fn]) => [name, numbered(fn)]),
    ),
    isInitial: () => table.isInitial(),
    clear: () => [...polling.clear(), ...table.clear()],
  };
}

/** The names of all functions. */
export function preview1Names(): string[] {
  // The functions are only named, so what they work on need not exist.
  const nothing = {} as GuestMemory & WasiHost;
  return Object.keys(createPreview1(nothing, nothing).functions);
}

/** No descriptor is a socket. */
function createSocketFunctions(table: FdTable): Preview1Functions {
  function refuse(fd: number): number {
    table.get(fd);
    throw new Errno("notsock");
  }
  return { sock_accept: refuse, sock_recv: refuse, sock_send: refuse, sock_shutdown: refuse };
}

function numbered(
  fn: (...args: never[]) => number | Promise<number>,
): (...args: never[]) => number | Promise<number> {
  return (...args) => {
    try {
      const result = fn(...args);
      return typeof result === "number" ? result : result.catch(toErrno);
    } catch (error) {
      return toErrno(error);
    }
  };
}
