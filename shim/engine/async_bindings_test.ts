import assert from "node:assert/strict";
import { asyncGuest } from "./_async_guest_fixture.ts";
import { adaptAsyncBindings } from "./async_bindings.ts";
import { BindingShapeError } from "./bindings.ts";
import { generateBindings } from "./generate_bindings.ts";
import { readGuest } from "./_guest_fixture.ts";
import { newComponent } from "./component_tools.ts";
import { preview1AdapterReactorPath } from "@bytecodealliance/jco";

async function rustComponent(): Promise<Uint8Array> {
  const adapter = await Deno.readFile(preview1AdapterReactorPath());
  return await newComponent(await readGuest("rust-async"), adapter);
}

Deno.test("generateBindings() takes the generator that a component needs", async () => {
  assert.equal((await generateBindings(await readGuest("tiny-js"), [])).kind, "sync");
  assert.equal((await generateBindings(await asyncGuest(), [])).kind, "async");
});

Deno.test("adaptAsyncBindings() leaves no debugging, no environment and no timers of the platform", async () => {
  const { bindings } = await generateBindings(await rustComponent(), []);
  const unwanted = [
    /_debugLog/,
    /\bprocess\b/,
    /JCO_DEBUG/,
    /["']node:/,
    /[^$\w]set(?:Timeout|Interval)\(/,
    /WebAssembly\.(?:promising|Suspending)\(/,
  ];
  // The text itself is too long for a message.
  assert.deepEqual(unwanted.filter((pattern) => pattern.test(bindings.source)), []);
});

Deno.test("adaptAsyncBindings() tells what the bindings import", async () => {
  const { bindings } = await generateBindings(await asyncGuest(), []);
  assert.deepEqual(bindings.imports, { "test:guest/host": ["sleep"] });
});

Deno.test("adaptAsyncBindings() refuses text that it does not know", () => {
  assert.throws(() => adaptAsyncBindings("export function instantiate() {}"), BindingShapeError);
});
