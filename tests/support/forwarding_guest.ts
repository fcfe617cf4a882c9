/**
 * Guests that hand every call on to the host: what a test calls goes through the binding generator's
 * code twice, from the host to the guest and back, as the types of the interface say.
 *
 * @module
 */

import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco";
import { generate } from "@bytecodealliance/jco/component";
import { pathToFileURL } from "node:url";
import { ASYNC_IMPORTS } from "../../shim/imports/async_functions.ts";
import type { ImportObject } from "../../shim/imports/component_context.ts";

/** An import and the export of the same type that calls it. */
export interface Forwarding {
  /** The interface with its version: `wasi:config/store@0.2.0-draft-2024-09-27`. */
  readonly from: string;
  /** The import's name in the interface: `get`, `[method]bucket.get`. */
  readonly import: string;
  /** The export's name and its type in WIT: `get: func(key: string) -> …`. */
  readonly type: string;
  /** The core types of the parameters, without the pointer to the result: `i32 i32`. */
  readonly core: string;
}

/** The exports of a guest, by their names in JavaScript. Call {@link close} at the end. */
export interface ForwardingGuest extends AsyncDisposable {
  // deno-lint-ignore no-explicit-any
  readonly call: Record<string, (...args: any[]) => Promise<any>>;
}

/** Where results are written. The allocator begins behind. */
const RESULT = 64;

/**
 * Builds and starts a guest. Every result has to take more than one core value, as a `result` with an
 * error that is a variant does; so each call has a pointer to it.
 * @param options.wit The interfaces, as nested packages.
 * @param options.uses `use` statements for the types of the exports.
 */
export async function startForwardingGuest(
  forwardings: readonly Forwarding[],
  options: { wit: string; uses: string; imports: ImportObject },
): Promise<ForwardingGuest> {
  const interfaces = [...new Set(forwardings.map(({ from }) => from))];
  const witSource = [
    "package test:forwarding;",
    "world guest {",
    ...interfaces.map((name) => `import ${name};`),
    options.uses,
    ...forwardings.map(({ type }) => `export ${type};`),
    "}",
    options.wit,
  ].join("\n");
  const binary = await parse(coreModule(forwardings));
  const component = await componentNew(
    await componentEmbed({ binary, witSource, world: "guest", dummy: false, metadata: [] }),
    [],
  );
  return await instantiate(component, { forwardings, imports: options.imports });
}

function coreModule(forwardings: readonly Forwarding[]): string {
  const lines = forwardings.flatMap((forwarding, index) => {
    const types = forwarding.core.split(" ").filter((type) => type !== "");
    const values = types.map((_, i) => `(local.get ${i})`).join(" ");
    const parameters = types.length === 0 ? "" : `(param ${types.join(" ")})`;
    return {
      import: `(import "${forwarding.from}" "${forwarding.import}" ` +
        `(func $f${index} (param ${types.join(" ")} i32)))`,
      export: `(func (export "${exportName(forwarding)}") ${parameters} (result i32) ` +
        `(call $f${index} ${values} (i32.const ${RESULT})) (i32.const ${RESULT}))`,
    };
  });
  return `(module
    ${lines.map((line) => line.import).join("\n")}
    (memory (export "memory") 16)
    (global $next (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    ${lines.map((line) => line.export).join("\n")})`;
}

function exportName({ type }: Forwarding): string {
  return type.split(":", 1)[0]!;
}

async function instantiate(
  component: Uint8Array,
  options: { forwardings: readonly Forwarding[]; imports: ImportObject },
): Promise<ForwardingGuest> {
  const { files } = await generate(component, {
    name: "component",
    map: [],
    instantiation: { tag: "async" },
    asyncMode: {
      tag: "jspi",
      val: { imports: [...ASYNC_IMPORTS], exports: options.forwardings.map(exportName) },
    },
    noTypescript: true,
    noNodejsCompat: true,
    base64Cutoff: 0,
    tlaCompat: false,
    validLiftingOptimization: true,
    tracing: false,
    noNamespacedExports: false,
    multiMemory: false,
  });
  const modules = new Map<string, Uint8Array>(files);
  const directory = await Deno.makeTempDir({ prefix: "spinkube-guest-" });
  const path = `${directory}/component.js`;
  await Deno.writeFile(path, modules.get("component.js")!);
  const { instantiate } = await import(pathToFileURL(path).href);
  const offered = Object.fromEntries(
    Object.entries(options.imports).map(([name, members]) => [name.split("@")[0]!, members]),
  );
  const call = await instantiate(
    (name: string) => new WebAssembly.Module(modules.get(name)! as BufferSource),
    offered,
  );
  return { call, [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }) };
}
