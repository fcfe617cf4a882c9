/**
 * Components to be composed, in the text format: one that asks a dependency what to answer to HTTP
 * requests, one that hands its requests on whole, and dependencies for them.
 *
 * @module
 */

import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco";
import { fileURLToPath } from "node:url";

const HELLO_WIT = fileURLToPath(
  new URL("../../deploy/samples/hello/hello.wit", import.meta.url),
);

/** What a dependency offers. */
const DEPENDENCY_WIT = `
package test:dep@1.0.0 {
  interface answers {
    resource counter { constructor(start: u32); add: func(n: u32) -> u32; }
    answer: func(question: string) -> string;
  }
  interface counts { count: func() -> u32; }
}
package wasi:clocks@0.2.0 {
  interface monotonic-clock {
    use wasi:io/poll@0.2.0.{pollable};
    subscribe-duration: func(when: u64) -> pollable;
  }
}`;

/** A component from its core module and its world. */
export async function buildComponent(module: string, witSource: string): Promise<Uint8Array> {
  const embedded = await componentEmbed({
    binary: await parse(module),
    witSource,
    world: "guest",
    dummy: false,
    metadata: [],
  });
  return await componentNew(embedded, []);
}

/** The interfaces of the C sample, with what asking and answering need beside. */
async function hostWit(): Promise<string> {
  const text = await Deno.readTextFile(HELLO_WIT);
  return text.slice(text.indexOf("package wasi:io@"))
    .replace("interface error {", "interface poll { resource pollable { block: func(); } }\n$&");
}

const MEMORY = `
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1024))
  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))`;

/**
 * A component that imports `test:dep/answers@1.0.0` and `test:dep/counts@1.0.0` and answers requests
 * with what the former says of their path. Itself it knows:
 *
 * - `/resource`: makes a counter of 2, adds 3 and answers the sum;
 * - `/drops`: makes and drops three counters, then asks `/Drops`;
 * - `/big`: makes a counter of 100, drops it, which takes long, and answers 0;
 * - `/two`: asks `/count`, then the other interface to count, and answers what that says.
 */
export async function buildAsker(): Promise<Uint8Array> {
  const http = "wasi:http/types@0.2.0";
  const io = "wasi:io/streams@0.2.0";
  const dep = "test:dep/answers@1.0.0";
  return await buildComponent(
    `(module
  (import "${http}" "[method]incoming-request.path-with-query" (func $path (param i32 i32)))
  (import "${http}" "[constructor]fields" (func $fields (result i32)))
  (import "${http}" "[constructor]outgoing-response" (func $response (param i32) (result i32)))
  (import "${http}" "[method]outgoing-response.body" (func $body (param i32 i32)))
  (import "${http}" "[method]outgoing-body.write" (func $write (param i32 i32)))
  (import "${http}" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "${http}" "[static]response-outparam.set"
    (func $set (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "${io}" "[method]output-stream.blocking-write-and-flush"
    (func $send (param i32 i32 i32 i32)))
  (import "${io}" "[resource-drop]output-stream" (func $drop_stream (param i32)))
  (import "${dep}" "answer" (func $answer (param i32 i32 i32)))
  (import "${dep}" "[constructor]counter" (func $counter (param i32) (result i32)))
  (import "${dep}" "[method]counter.add" (func $add (param i32 i32) (result i32)))
  (import "${dep}" "[resource-drop]counter" (func $drop_counter (param i32)))
  (import "test:dep/counts@1.0.0" "count" (func $count (result i32)))
  ${MEMORY}
  (data (i32.const 200) "/Drops/count")
  (func $digit (param i32)
    (i32.store8 (i32.const 300) (i32.add (i32.const 48) (local.get 0)))
    (i32.store (i32.const 80) (i32.const 300))
    (i32.store (i32.const 84) (i32.const 1)))
  (func $respond (param $path i32) (param $length i32) (local $first i32)
    (local.set $first (i32.load8_u offset=1 (local.get $path)))
    (if (i32.eq (local.get $first) (i32.const ${code("r")}))
      (then
        (local.set $first (call $counter (i32.const 2)))
        (call $digit (call $add (local.get $first) (i32.const 3)))
        (call $drop_counter (local.get $first))
        (return)))
    (if (i32.eq (local.get $first) (i32.const ${code("d")}))
      (then
        (call $drop_counter (call $counter (i32.const 1)))
        (call $drop_counter (call $counter (i32.const 2)))
        (call $drop_counter (call $counter (i32.const 3)))
        (call $answer (i32.const 200) (i32.const 6) (i32.const 80))
        (return)))
    (if (i32.eq (local.get $first) (i32.const ${code("b")}))
      (then
        (call $drop_counter (call $counter (i32.const 100)))
        (call $digit (i32.const 0))
        (return)))
    (if (i32.eq (i32.load16_u offset=1 (local.get $path)) (i32.const ${code("t", "w")}))
      (then
        (call $answer (i32.const 206) (i32.const 6) (i32.const 80))
        (call $digit (call $count))
        (return)))
    (call $answer (local.get $path) (local.get $length) (i32.const 80)))
  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $r i32) (local $b i32) (local $s i32)
    (call $path (local.get $request) (i32.const 64))
    (call $respond (i32.load (i32.const 68)) (i32.load (i32.const 72)))
    (local.set $r (call $response (call $fields)))
    (call $body (local.get $r) (i32.const 96))
    (local.set $b (i32.load (i32.const 100)))
    (call $set (local.get $out) (i32.const 0) (local.get $r) (i32.const 0) (i64.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (local.get $b) (i32.const 104))
    (local.set $s (i32.load (i32.const 108)))
    (call $send (local.get $s) (i32.load (i32.const 80)) (i32.load (i32.const 84)) (i32.const 112))
    (call $drop_stream (local.get $s))
    (call $finish (local.get $b) (i32.const 0) (i32.const 0) (i32.const 128))))`,
    `package test:guest;
     world guest {
       import wasi:http/types@0.2.0;
       import test:dep/answers@1.0.0;
       import test:dep/counts@1.0.0;
       export wasi:http/incoming-handler@0.2.0;
     }
     ${await hostWit()}${DEPENDENCY_WIT}`,
  );
}

/**
 * A component that exports `test:dep/answers@1.0.0` and `test:dep/counts@1.0.0`. Questions begin with
 * a slash; most are answered by themselves. `/count` is counted and `/grow` takes 2 MiB more, and
 * tells the pages before; `/sleep` waits a tenth of a second; `/trap`, `/loop` and `/Drops`, the
 * number of counters that were dropped. Dropping one takes the longer the more it has counted.
 */
export async function buildAnswerer(): Promise<Uint8Array> {
  const name = "test:dep/answers@1.0.0";
  return await buildComponent(
    `(module
  (import "[export]${name}" "[resource-new]counter" (func $new (param i32) (result i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
    (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop_pollable (param i32)))
  ${MEMORY}
  (global $count (mut i32) (i32.const 0))
  (global $drops (mut i32) (i32.const 0))
  (func (export "${name}#[constructor]counter") (param i32) (result i32) (local $at i32)
    (local.set $at (call $realloc (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 4)))
    (i32.store (local.get $at) (local.get 0))
    (call $new (local.get $at)))
  (func (export "${name}#[method]counter.add") (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (local.get 1)))
    (i32.load (local.get 0)))
  (func (export "${name}#[dtor]counter") (param i32) (local $rounds i32)
    (local.set $rounds (i32.mul (i32.load (local.get 0)) (i32.const 300000)))
    (loop $l
      (local.set $rounds (i32.sub (local.get $rounds) (i32.const 1)))
      (br_if $l (i32.gt_s (local.get $rounds) (i32.const 0))))
    (global.set $drops (i32.add (global.get $drops) (i32.const 1))))
  (func $digit (param i32)
    (i32.store8 (i32.const 32) (i32.add (i32.const 48) (local.get 0)))
    (i32.store (i32.const 16) (i32.const 32))
    (i32.store (i32.const 20) (i32.const 1)))
  (func $increment (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.get $count))
  (func (export "${name}#answer") (param $at i32) (param $length i32) (result i32)
    (local $first i32) (local $pollable i32)
    (local.set $first (i32.load8_u offset=1 (local.get $at)))
    (i32.store (i32.const 16) (local.get $at))
    (i32.store (i32.const 20) (local.get $length))
    (if (i32.eq (local.get $first) (i32.const ${code("t")})) (then unreachable))
    (if (i32.eq (local.get $first) (i32.const ${code("l")})) (then (loop $l (br $l))))
    (if (i32.eq (local.get $first) (i32.const ${code("c")})) (then (call $digit (call $increment))))
    (if (i32.eq (local.get $first) (i32.const ${code("g")}))
      (then (call $digit (memory.grow (i32.const 32)))))
    (if (i32.eq (local.get $first) (i32.const ${
      code("D")
    })) (then (call $digit (global.get $drops))))
    (if (i32.eq (local.get $first) (i32.const ${code("s")}))
      (then
        (local.set $pollable (call $after (i64.const 100000000)))
        (call $block (local.get $pollable))
        (call $drop_pollable (local.get $pollable))))
    (i32.const 16))
  (func (export "test:dep/counts@1.0.0#count") (result i32) (call $increment)))`,
    `package test:guest;
     world guest {
       import wasi:clocks/monotonic-clock@0.2.0;
       export test:dep/answers@1.0.0;
       export test:dep/counts@1.0.0;
     }
     ${await hostWit()}${DEPENDENCY_WIT}`,
  );
}

/** A component that hands its requests on to the `wasi:http/incoming-handler` that it imports. */
export async function buildPassThrough(): Promise<Uint8Array> {
  const name = "wasi:http/incoming-handler@0.2.3";
  return await buildComponent(
    `(module
      (import "${name}" "handle" (func $handle (param i32 i32)))
      (memory (export "memory") 1)
      (func (export "${name}#handle") (param i32 i32)
        (call $handle (local.get 0) (local.get 1))))`,
    `package test:guest;
     world guest { import ${name}; export ${name}; }
     package wasi:http@0.2.3 {
       interface types { resource incoming-request; resource response-outparam; }
       interface incoming-handler {
         use types.{incoming-request, response-outparam};
         handle: func(request: incoming-request, response-out: response-outparam);
       }
     }`,
  );
}

/** The bytes of ASCII characters as a number, the first one lowest. */
function code(...characters: string[]): number {
  return characters.reduceRight((sum, character) => sum * 256 + character.charCodeAt(0), 0);
}
