import assert from "node:assert/strict";
import { OLD_ABI_GUEST } from "../../../tests/support/old_abi_guest.ts";
import type { KeyValueStore, SqlValue } from "../../imports/component_context.ts";
import { VariableError } from "../../imports/component_context.ts";
import { GuestExit } from "../../imports/wasi_cli.ts";
import { poolShared } from "../_guest_fixture.ts";
import type { ComponentInstance, LoadedComponent } from "../component.ts";
import { InstancePool } from "../instance_pool.ts";
import { CpuLimitExceeded } from "../preemption.ts";
import { type CoreGuestOptions, loadCoreGuest } from "./_core_guest_fixture.ts";
import type { InboundRequest, InboundResponse } from "./instantiate.ts";

const DECODER = new TextDecoder();

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Redis as far as the guest uses it; every answer takes a moment. */
function slowRedis() {
  let count = 6n;
  async function later<T>(value: T): Promise<T> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return value;
  }
  return {
    "fermyon:spin/redis": {
      incr: async (address: string) => {
        if (address !== "redis://here") throw await later("error");
        return await later(++count);
      },
      get: () => later(bytes(String(count))),
    },
  };
}

function context(): CoreGuestOptions["context"] {
  const values = new Map<string, Uint8Array>();
  const store: KeyValueStore = {
    get: (key) => values.get(key),
    set: (key, value) => void values.set(key, value),
    delete: (key) => void values.delete(key),
    exists: (key) => values.has(key),
    keys: () => [...values.keys()],
  };
  return {
    keyValueLabels: ["default"],
    keyValueStore: () => store,
    sqliteLabels: ["default"],
    sqliteDatabase: () => ({
      connect: () => ({
        execute: (_sql: string, parameters: SqlValue[]) => ({
          columns: ["answer"],
          rows: [[parameters.reduce<bigint>((sum, value) => sum + (value as bigint), 0n)]],
        }),
        lastInsertRowid: () => 0n,
        changes: () => 0n,
        close() {},
      }),
    }),
    variables: {
      get(name) {
        if (name === "color") return Promise.resolve("grün");
        throw new VariableError("invalid-name", `no "${name}"`);
      },
      names: () => ["color"],
    },
  };
}

async function loadOldGuest(options: CoreGuestOptions = {}): Promise<LoadedComponent> {
  return await loadCoreGuest(OLD_ABI_GUEST, {
    context: context()!,
    imports: slowRedis(),
    ...options,
  });
}

async function call(
  instance: ComponentInstance,
  request: Partial<InboundRequest> & { uri: string },
): Promise<InboundResponse> {
  const handleRequest = instance.exports["fermyon:spin/inbound-http"]!
    .handleRequest as unknown as (request: InboundRequest) => Promise<InboundResponse>;
  instance.preemption.begin();
  return await handleRequest({
    method: "get",
    headers: [],
    params: [],
    body: undefined,
    ...request,
  });
}

Deno.test("createCoreModuleBindings() runs modules of Spin's first ABI", async (t) => {
  const guest = await loadOldGuest();
  assert.deepEqual(guest.manifest.exports, ["fermyon:spin/inbound-http"]);
  assert.equal(guest.manifest.notResettable, undefined);
  const cases: [string, Partial<InboundRequest> & { uri: string }, number, string][] = [
    ["a path with its query", { uri: "/path?a=ü" }, 200, "/path?a=ü"],
    ["the method", { uri: "/m", method: "options", body: bytes("x") }, 216, ""],
    ["no body", { uri: "/m", method: "post" }, 201, ""],
    ["a variable", { uri: "/ccolor" }, 200, "grün"],
    ["a variable that is none", { uri: "/cno" }, 501, 'no "no"'],
    ["key-value", { uri: "/k", body: bytes("v\0lue") }, 200, "v\0lue"],
    ["a large value", { uri: "/k", body: bytes("x".repeat(300_000)) }, 200, "x".repeat(300_000)],
    ["a store that is not allowed", { uri: "/K" }, 502, ""],
    ["a host that is not allowed", { uri: "/h", body: bytes("http://a.test/") }, 501, ""],
    ["Redis, which answers later", { uri: "/r", body: bytes("redis://here") }, 200, "7"],
    ["Redis, which fails later", { uri: "/r", body: bytes("redis://there") }, 501, ""],
    ["SQLite", { uri: "/q" }, 242, "answer"],
  ];
  for (const [name, request, status, body] of cases) {
    await t.step(name, async () => {
      const response = await call(await guest.instantiate(), request);
      assert.equal(response.status, status);
      assert.equal(DECODER.decode(response.body), body);
    });
  }
});

Deno.test("createCoreModuleBindings() passes headers in order, repeated ones apart", async () => {
  const headers: [string, string][] = [["b", "1"], ["a", ""], ["b", "2 ü"]];
  const instance = await (await loadOldGuest()).instantiate();
  const response = await call(instance, { uri: "/e", headers, body: bytes("body") });
  assert.deepEqual(response.headers, headers);
  assert.equal(DECODER.decode(response.body), "body");
  const bare = await call(instance, { uri: "/s", body: new Uint8Array(0) });
  assert.deepEqual(bare, { status: 600, headers: undefined, body: undefined });
});

Deno.test("createCoreModuleBindings() makes instances that the pool rewinds", async () => {
  const guest = await loadOldGuest();
  for (const strategy of ["copy", "fresh"] as const) {
    const pool = InstancePool.create(guest, {
      first: await guest.instantiate(),
      strategy,
      shared: poolShared(),
    });
    for (let round = 0; round < 3; round++) {
      const instance = await pool.acquire();
      assert.equal(DECODER.decode((await call(instance, { uri: "/n" })).body), "1");
      const body = bytes("y".repeat(200_000));
      assert.equal((await call(instance, { uri: "/k", body })).body!.length, 200_000);
      pool.release(instance, true);
    }
    assert.equal(pool.counters.created, strategy === "copy" ? 1 : 3);
    pool.close();
  }
});

Deno.test("createCoreModuleBindings() makes instances that are stopped and that trap", async () => {
  const guest = await loadOldGuest({ cpuLimitMs: 50 });
  await assert.rejects(call(await guest.instantiate(), { uri: "/l" }), CpuLimitExceeded);
  await assert.rejects(call(await guest.instantiate(), { uri: "/t" }), WebAssembly.RuntimeError);
  const cancelled = await guest.instantiate();
  const running = call(cancelled, { uri: "/l" });
  cancelled.preemption.cancel();
  await assert.rejects(running, /client closed/);
});

Deno.test("createCoreModuleBindings() lets several instances wait at once", async () => {
  const guest = await loadOldGuest();
  const responses = await Promise.all(
    Array.from(
      { length: 20 },
      async () => await call(await guest.instantiate(), { uri: "/r", body: bytes("redis://here") }),
    ),
  );
  assert.ok(responses.every(({ status }) => status === 200));
});

Deno.test("createCoreModuleBindings() refuses what is outside of the guest's memory", async () => {
  const response = (fields: string) =>
    `(module
    (memory (export "memory") 1)
    (func (export "canonical_abi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const -8))
    (func (export "handle-http-request")
      (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      ${fields} (i32.const 16)))`;
  const cases: [string, string, Partial<InboundRequest>, RegExp][] = [
    [
      "a body",
      "(i32.store8 (i32.const 32) (i32.const 1)) (i32.store (i32.const 40) (i32.const -1))",
      { uri: "" },
      /outside of its memory/,
    ],
    [
      "headers",
      "(i32.store8 (i32.const 20) (i32.const 1)) (i32.store (i32.const 28) (i32.const -1))",
      { uri: "" },
      /outside of its memory/,
    ],
    ["a case", "(i32.store8 (i32.const 20) (i32.const 7))", { uri: "" }, /case 7 of 2/],
    ["what it allocates", "", { uri: "/a" }, /outside of its memory/],
  ];
  for (const [name, fields, request, message] of cases) {
    const instance = await (await loadCoreGuest(response(fields))).instantiate();
    await assert.rejects(call(instance, { uri: "", ...request }), message, name);
  }
});

function redisGuest(result: string): string {
  return `(module
    (memory (export "memory") 1)
    (data (i32.const 64) "\\01\\01")
    (func (export "canonical_abi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "handle-redis-message") (param $at i32) (param $length i32) (result i32)
      (if (i32.ne (i32.load8_u (local.get $at)) (i32.const 109)) (then (unreachable)))
      (if (i32.ne (local.get $length) (i32.const 7)) (then (unreachable)))
      (i32.const ${result})))`;
}

Deno.test("createCoreModuleBindings() gives messages of Redis to the first ABI", async () => {
  async function handle(result: string): Promise<void> {
    const guest = await loadCoreGuest(redisGuest(result));
    assert.deepEqual(guest.manifest.exports, ["fermyon:spin/inbound-redis"]);
    const instance = await guest.instantiate();
    instance.preemption.begin();
    const { handleMessage } = instance.exports["fermyon:spin/inbound-redis"]!;
    await (handleMessage as unknown as (payload: Uint8Array) => Promise<void>)(bytes("message"));
  }
  // Results are passed by their address; modules written by hand may return the code itself.
  for (const ok of ["0", "16"]) await handle(ok);
  for (const failed of ["1", "64"]) {
    await assert.rejects(handle(failed), (error: Error & { payload?: unknown }) => {
      assert.equal(error.payload, "error");
      return true;
    });
  }
});

Deno.test("createCoreModuleBindings() runs commands, and keeps their exit code", async () => {
  const command = (body: string) =>
    `(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "_start") ${body}))`;
  async function run(body: string): Promise<unknown> {
    const guest = await loadCoreGuest(command(body));
    assert.deepEqual(guest.manifest.exports, ["wasi:cli/run@0.2.0"]);
    const instance = await guest.instantiate();
    instance.preemption.begin();
    return await (instance.exports["wasi:cli/run@0.2.0"]!.run as unknown as () => Promise<void>)();
  }
  await run("");
  for (const code of [0, 1, 42, 255, 4_000_000_000]) {
    await assert.rejects(run(`(call $exit (i32.const ${code | 0}))`), (error) => {
      assert.ok(error instanceof GuestExit);
      assert.equal(error.code, code);
      return true;
    });
  }
  await assert.rejects(run("unreachable"), WebAssembly.RuntimeError);
});

Deno.test("createCoreModuleBindings() names imports that nobody offers", async () => {
  const cases: [string, RegExp][] = [
    ['(import "sqlite" "query" (func))', /fermyon:spin\/sqlite#query/],
    ['(import "strange" "thing" (func))', /strange/],
    ['(import "wasi_snapshot_preview1" "fd_dream" (func))', /wasi_snapshot_preview1/],
  ];
  for (const [imported, message] of cases) {
    const guest = loadCoreGuest(`(module ${imported} (func (export "_start")))`);
    await assert.rejects(guest, { name: "TerminalError", message });
  }
});

Deno.test("createCoreModuleBindings() calls _initialize, and rewinds to after it", async () => {
  const guest = await loadCoreGuest(`(module
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (global $ready (mut i32) (i32.const 0))
    (func (export "_initialize")
      (drop (call $sizes (i32.const 0) (i32.const 4)))
      (drop (call $prestat (i32.const 3) (i32.const 8)))
      (global.set $ready (i32.const 7)))
    (func (export "canonical_abi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "handle-http-request")
      (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      (i32.store16 (i32.const 16) (i32.add (i32.const 200) (global.get $ready)))
      (global.set $ready (i32.const 0))
      (i32.const 16)))`);
  assert.equal(guest.manifest.notResettable, undefined);
  assert.equal(guest.manifest.startReadsEnvironment, true);
  const pool = InstancePool.create(guest, {
    first: await guest.instantiate(),
    strategy: "copy",
    shared: poolShared(),
  });
  for (let round = 0; round < 2; round++) {
    const instance = await pool.acquire();
    assert.equal((await call(instance, { uri: "/" })).status, 207);
    pool.release(instance, true);
  }
  assert.equal(pool.counters.created, 1);
  pool.close();
});
