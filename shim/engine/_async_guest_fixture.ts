/**
 * A guest of the asynchronous component model for tests, made when they run.
 *
 * @module
 */

import { componentEmbed, componentNew } from "@bytecodealliance/jco-transpile/wasm-tools";
import { parse } from "@bytecodealliance/jco";
import { engineShared } from "./_guest_fixture.ts";
import { compileModules, type EngineShared } from "./component.ts";
import { prepareComponent } from "./prepare.ts";
import { readEntry, writeEntry } from "./prepared_store.ts";
import { type LoadedSharedComponent, loadSharedComponent } from "./shared_component.ts";

const WIT = `
  package test:guest@1.0.0;
  interface host { sleep: async func(ms: u32); }
  world guest {
    import host;
    /// Sleeps, and returns how many calls have begun in this instance.
    export count: async func(ms: u32) -> u32;
    /// Computes, for some milliseconds a round; returns like the above.
    export burn: async func(rounds: u32) -> u32;
    export fail: async func(ms: u32) -> u32;
  }`;

/**
 * One call has the number of its waitable set as its context. What it does after it has slept is told
 * by which callback it is.
 */
const WAT = `(module
  (import "test:guest/host@1.0.0" "[async-lower]sleep" (func $sleep (param i32) (result i32)))
  (import "$root" "[waitable-set-new]" (func $set (result i32)))
  (import "$root" "[waitable-join]" (func $join (param i32 i32)))
  (import "$root" "[subtask-drop]" (func $drop (param i32)))
  (import "[export]$root" "[task-return]count" (func $return-count (param i32)))
  (import "[export]$root" "[task-return]burn" (func $return-burn (param i32)))
  (import "[export]$root" "[task-return]fail" (func $return-fail (param i32)))
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
  (global $calls (mut i32) (i32.const 0))
  (func $begin
    (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
  ;; Sleeps. Returns what an export returns: wait for the set, or exit.
  (func $nap (param $ms i32) (result i32)
    (local $status i32) (local $set i32)
    (local.set $status (call $sleep (local.get $ms)))
    (if (i32.eq (i32.and (local.get $status) (i32.const 15)) (i32.const 2))
      (then (return (i32.const 0))))
    (local.set $set (call $set))
    (call $join (i32.shr_u (local.get $status) (i32.const 4)) (local.get $set))
    (i32.or (i32.const 2) (i32.shl (local.get $set) (i32.const 4))))
  (func $burn (param $rounds i32)
    (local $i i32)
    (loop $round
      (local.set $i (i32.const 2000000))
      (loop $again
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (br_if $again (local.get $i)))
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br_if $round (local.get $rounds))))
  (func (export "[async-lift]count") (param i32) (result i32)
    (local $next i32)
    (call $begin)
    (local.set $next (call $nap (local.get 0)))
    (if (i32.eqz (local.get $next)) (then (call $return-count (global.get $calls))))
    (local.get $next))
  (func (export "[callback][async-lift]count") (param i32 i32 i32) (result i32)
    (call $return-count (global.get $calls))
    (i32.const 0))
  (func (export "[async-lift]burn") (param i32) (result i32)
    (call $begin)
    (call $burn (local.get 0))
    (call $return-burn (global.get $calls))
    (i32.const 0))
  (func (export "[callback][async-lift]burn") (param i32 i32 i32) (result i32) (unreachable))
  (func (export "[async-lift]fail") (param i32) (result i32)
    (local $next i32)
    (call $begin)
    (local.set $next (call $nap (local.get 0)))
    (if (i32.eqz (local.get $next)) (then (unreachable)))
    (local.get $next))
  (func (export "[callback][async-lift]fail") (param i32 i32 i32) (result i32) (unreachable)))`;

/** The exports of the guest. */
export interface AsyncGuest {
  count(ms: number): Promise<number>;
  burn(rounds: number): Promise<number>;
  fail(ms: number): Promise<number>;
}

/** The guest as a component. */
export async function asyncGuest(): Promise<Uint8Array> {
  const core = await parse(WAT);
  const embedded = await componentEmbed({ binary: core, witSource: WIT, world: "guest" });
  return await componentNew(embedded, []);
}

/**
 * Prepares and loads the guest, as the host does.
 * @param options.sleep Default: a timer.
 */
export async function loadAsyncGuest(options: {
  shared?: EngineShared;
  sleep?: (ms: number) => Promise<void>;
} = {}): Promise<LoadedSharedComponent> {
  return await loadAsyncComponent(await asyncGuest(), {
    imports: { "test:guest/host": { sleep: options.sleep ?? sleep } },
    ...(options.shared ? { shared: options.shared } : {}),
  });
}

/** Prepares and loads a component, as the host does. */
export async function loadAsyncComponent(
  component: Uint8Array,
  { imports = {}, shared = engineShared() }: {
    imports?: Parameters<typeof loadSharedComponent>[0]["imports"];
    shared?: EngineShared;
  } = {},
): Promise<LoadedSharedComponent> {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  try {
    const entry = `${directory}/entry`;
    await writeEntry(entry, await prepareComponent(component));
    const { manifest, files } = (await readEntry(entry))!;
    const modules = compileModules(files, { manifest, component: "guest" });
    const id = "guest";
    return await loadSharedComponent({ id, directory: entry, manifest, modules, imports, shared });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
