/**
 * WASI 0.3: the interfaces of `0.3.x` and of the release candidate `0.3.0-rc-2026-03-15`, which have
 * the same shapes.
 *
 * How the asynchronous component model looks to a host interface, here and in Spin's own interfaces
 * of version 3 and later (`spin_key_value.ts` is the worked example):
 *
 * - An **asynchronous function** is one that may return a promise. It need not be listed in
 *   `async_functions.ts`, which is for functions that a component's type calls synchronous. Errors of
 *   its `result` are thrown, or rejected with, as plain values: `throw { tag: "access-denied" }`. An
 *   `Error` is a defect, and ends the instance with all calls in it.
 * - A **resource** is a class, as ever; methods and static functions may be asynchronous:
 *   `static async open(label)` returns a `Store`. An own resource that is passed to the host belongs
 *   to it from then on; the bindings call `[Symbol.dispose]()` of those that the guest drops, and of
 *   all that are left when the instance ends.
 * - A **stream as parameter** is a `GuestStream` (see `_streams.ts`): read it in pieces, dispose it if not to its
 *   end. Reading is what lets the guest write on; several streams of one guest must be read at the
 *   same time.
 * - A **stream as result** is anything that can be iterated, asynchronously or not: an array for what
 *   is there already (`get-keys`), `hostStream()` for what comes later. Its `return()` is called
 *   when the guest drops it. `stream<u8>` is iterated by `Uint8Array` chunks, anything else by element.
 * - A **future as parameter** is a `PromiseLike`. A guest that writes one waits until somebody calls
 *   `then`, so do that even if nobody cares.
 * - A **future as result** is a promise: of the value, and for `future<result<…>>` of `{ tag, val }`.
 * - `list<u8>` as parameter is a view of the guest's memory, which changes at the first `await`.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "../component_context.ts";

/** Makes the interfaces of one package. */
type Create = (component: ComponentContext) => ImportObject;

/** Beginning of an interface's name → how its package is loaded. */
const PACKAGES: Readonly<Record<string, () => Promise<Create>>> = {
  "wasi:cli/": async () => (await import("./cli.ts")).createCli,
  "wasi:clocks/": async () => (await import("./clocks.ts")).createClocks,
  "wasi:filesystem/": async () => (await import("./filesystem.ts")).createFilesystem,
  "wasi:http/": async () => (await import("./http.ts")).createHttp,
  "wasi:random/": async () => (await import("./random.ts")).createRandom,
  "wasi:sockets/": async () => (await import("./sockets.ts")).createSockets,
};

/**
 * The interfaces of WASI 0.3 for one component, of the packages that it uses.
 * @param wanted What it imports, with versions.
 */
export async function createWasi03(
  component: ComponentContext,
  wanted: readonly string[],
): Promise<ImportObject> {
  const offered: ImportObject = {};
  for (const [prefix, load] of Object.entries(PACKAGES)) {
    const isWanted = wanted.some((name) => name.startsWith(prefix) && name.includes("@0.3."));
    if (isWanted) Object.assign(offered, (await load())(component));
  }
  return offered;
}
