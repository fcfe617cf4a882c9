/**
 * Compositions as `spin registry push` makes them: a component behind middleware, and a component that
 * is denied what it does not inherit, by one that has the host's interfaces and refuses everything.
 *
 * @module
 */

import { parse } from "@bytecodealliance/jco";
import { componentEmbed, componentNew } from "@bytecodealliance/jco-transpile/wasm-tools";
import { fileURLToPath } from "node:url";
import { encodeComposition } from "../../shim/engine/compose/encode_composition.ts";
import { toComponent } from "../../shim/engine/compose_sources.ts";
import { readShape } from "../../shim/engine/wasm/component_shape.ts";
import { middlewareWasm } from "./fixtures.ts";

const KEY_VALUE_WIT = fileURLToPath(
  new URL("../fixtures/apps/middleware/wit/spin-key-value.wit", import.meta.url),
);

/** What connects middleware in the fixtures. */
export const HANDLER = "wasi:http/handler@0.3.0";

/** What the deny adapter has beside the interfaces that the fixtures use: they are only names here. */
const OTHERS: readonly (readonly [package_: string, names: readonly string[]])[] = [
  ["fermyon:spin@2.0.0", ["llm", "key-value", "sqlite", "variables"]],
  ["wasi:http@0.2.3", ["outgoing-handler"]],
];

/** One of the fixtures for middleware, as a component. */
export async function middlewareComponent(
  name: Parameters<typeof middlewareWasm>[0],
): Promise<Uint8Array> {
  return await toComponent(await Deno.readFile(middlewareWasm(name)));
}

/**
 * A component like Spin's deny adapter, as far as names and types go. Whatever is called traps, while
 * Spin's answers with an error: so no test passes because a call went there.
 */
export async function buildDenyAdapter(): Promise<Uint8Array> {
  const keyValue = await Deno.readTextFile(KEY_VALUE_WIT);
  const witSource = `package t:deny;
    world guest {
      import wasi:filesystem/types@0.2.3;
      export wasi:cli/environment@0.2.3;
      export wasi:filesystem/preopens@0.2.3;
      export spin:key-value/key-value@3.0.0;
      ${
    OTHERS.flatMap(([name, interfaces]) => {
      const [package_, version] = name.split("@");
      return interfaces.map((item) => `export ${package_}/${item}@${version};`);
    }).join("\n")
  }
    }
    package wasi:cli@0.2.3 {
      interface environment {
        get-environment: func() -> list<tuple<string, string>>;
        get-arguments: func() -> list<string>;
        initial-cwd: func() -> option<string>;
      }
    }
    package wasi:filesystem@0.2.3 {
      interface types { resource descriptor; }
      interface preopens {
        use types.{descriptor};
        get-directories: func() -> list<tuple<descriptor, string>>;
      }
    }
    ${
    OTHERS.map(([name, interfaces]) =>
      `package ${name} { ${
        interfaces.map((item) => `interface ${item} { f: func(); }`).join(" ")
      } }`
    ).join("\n")
  }
    ${keyValue.slice(keyValue.indexOf("package spin:key-value"))}`;
  return await componentNew(await componentEmbed({ witSource, world: "guest", dummy: true }), []);
}

/** A component with what it imports and `adapter` exports taken from `adapter`, but for `allowed`. */
export function denyAll(
  component: Uint8Array,
  { adapter, allowed = [] }: { adapter: Uint8Array; allowed?: readonly string[] },
): Uint8Array {
  const [shape, refusing] = [readShape(component), readShape(adapter)];
  const given = shape.imports.map(({ name }) => name)
    .filter((name) => refusing.exports.some((item) => item.name === name))
    .filter((name) => !allowed.includes(name));
  return encodeComposition([
    { shape: refusing, given: new Map(), outerName: (name) => name },
    {
      shape,
      given: new Map(given.map((name) => [name, { part: 0, export: name }])),
      outerName: (name) => name,
    },
  ]);
}

/** The components of a chain in one, the outermost first, the one that answers last. */
export function chainComponents(components: readonly Uint8Array[]): Uint8Array {
  return encodeComposition(
    components.toReversed().map((component, index) => ({
      shape: readShape(component),
      given: new Map(index === 0 ? [] : [[HANDLER, { part: index - 1, export: HANDLER }]]),
      outerName: (name) => name,
    })),
  );
}

/** A component from the text of its core module and its WIT, in which functions may be `async`. */
export async function buildAsyncComponent(module: string, witSource: string): Promise<Uint8Array> {
  const binary = await parse(module);
  return await componentNew(await componentEmbed({ binary, witSource, world: "guest" }), []);
}
