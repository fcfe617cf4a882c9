import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { callGuest, loadGuest } from "./_guest_fixture.ts";
import type { ArtifactManifest } from "./artifact.ts";
import { compileModules } from "./component.ts";
import { wat } from "./wasm/_wat_fixture.ts";
import { PAGE_BYTES } from "./wasm/memory_limit.ts";
import { rewriteModule } from "./wasm/rewrite.ts";

const MANIFEST: ArtifactManifest = {
  engine: "test",
  source: "sha256:00",
  bindings: "sync",
  files: {},
  modules: [{ file: "m.wasm", isInterruptible: false, isShrinkable: true }],
  imports: [],
  exports: [],
  functions: {},
  startReadsEnvironment: false,
};

async function compile(body: string, maxMemoryBytes?: number): Promise<WebAssembly.Module> {
  const { bytes } = rewriteModule(await wat(`(module ${body})`));
  const modules = compileModules(new Map([["m.wasm", bytes]]), {
    manifest: MANIFEST,
    component: "hello",
    ...(maxMemoryBytes === undefined ? {} : { maxMemoryBytes }),
  });
  return modules.get("m.wasm")!;
}

Deno.test("compileModules() caps memories", async () => {
  const body = `(memory (export "m") 1 100)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))`;
  const cases: [number | undefined, number, number][] = [
    [undefined, 50, 1],
    [10 * PAGE_BYTES, 9, 1],
    [10 * PAGE_BYTES, 10, -1],
    // Less than a page does not count.
    [11 * PAGE_BYTES - 1, 10, -1],
  ];
  for (const [maxMemoryBytes, pages, expected] of cases) {
    const { exports } = new WebAssembly.Instance(await compile(body, maxMemoryBytes));
    assert.equal((exports.grow as (pages: number) => number)(pages), expected);
  }
});

Deno.test("compileModules() names the component whose memory is too large", async () => {
  await assert.rejects(compile("(memory 20)", 10 * PAGE_BYTES), (error: unknown) => {
    assert.ok(error instanceof TerminalError);
    assert.equal(error.reason, "MemoryLimitTooLow");
    assert.match(error.message, /^Component "hello" does not fit into --max-instance-memory\. /);
    assert.match(error.message, /1310720 bytes/);
    return true;
  });
});

Deno.test("ComponentInstance lists every memory and mutable global", async () => {
  const component = await loadGuest("tiny-js");
  const [first, second] = [await component.instantiate(), await component.instantiate()];
  assert.deepEqual(
    first.memories.map((memory) => memory.buffer.byteLength),
    second.memories.map((memory) => memory.buffer.byteLength),
  );
  assert.equal(first.globals.length, second.globals.length);
  assert.ok(first.globals.length > 0);
  for (const list of ["memories", "globals"] as const) {
    first[list].forEach((item, index) => assert.notEqual(item, second[list][index]));
  }
});

Deno.test("ComponentInstance.disposeResources() lets go of all it can, and says if it cannot", async () => {
  const component = await loadGuest("torture");
  for (const isStubborn of [false, true]) {
    const instance = await component.instantiate();
    let isCancelled = false;
    const body = new ReadableStream<Uint8Array>();
    const reader = body.getReader();
    reader.cancel = () => {
      isCancelled = true;
      if (isStubborn) throw new Error("stubborn");
      return Promise.resolve();
    };
    body.getReader = (() => reader) as unknown as typeof body.getReader;
    callGuest(instance, { path: "/echo", method: "POST", body }).returned.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 10));
    instance.preemption.cancel();
    assert.equal(instance.disposeResources(), !isStubborn);
    assert.ok(isCancelled);
    assert.equal(instance.disposeResources(), true, "nothing is left the second time");
  }
});
