/**
 * Components that import from each other → one component. The parts are put in as they are; around
 * them stands what connects them. So calls between parts are ordinary Wasm calls: they can suspend
 * wherever a guest can, and an instance of the whole is rewound, limited and dropped as one.
 *
 * @module
 */

import { ComponentEncoder, type ComponentItem } from "../wasm/component_encoder.ts";
import type { ComponentShape } from "../wasm/component_shape.ts";
import { SORT } from "../wasm/component_types.ts";
import { MergedImports, type OuterImport } from "./merged_imports.ts";

/** One component of a composition. */
export interface CompositionPart {
  readonly shape: ComponentShape;
  /** Imports that earlier parts satisfy: name → which, by what export. */
  readonly given: ReadonlyMap<string, { readonly part: number; readonly export: string }>;
  /** The name under which the composed component imports what no part satisfies. */
  readonly outerName: (name: string) => string;
}

/**
 * Encodes a composition. Its exports are those of the last part.
 * @param parts In the order in which they are instantiated.
 * @throws {UnsupportedComponent} if the types of the imports cannot be written.
 */
export function encodeComposition(parts: readonly CompositionPart[]): Uint8Array<ArrayBuffer> {
  const encoder = new ComponentEncoder();
  const outer = parts.map(outerImports);
  const imports = new MergedImports(encoder, outer.flat());
  const given = outer.map((wanted) =>
    new Map<string, ComponentItem>(wanted.map((item) => [item.item.name, imports.get(item)]))
  );
  const instances: number[] = [];
  parts.forEach((part, i) => {
    const component = encoder.component(part.shape.bytes);
    const args = part.shape.imports.map(({ name, sort }): [string, ComponentItem] => {
      const source = part.given.get(name);
      if (!source) return [name, given[i]!.get(name)!];
      const index = encoder.aliasExport(instances[source.part]!, { sort, name: source.export });
      return [name, { sort, index }];
    });
    instances.push(encoder.instantiate(component, args));
  });
  const last = parts.at(-1)!;
  for (const { name, sort } of last.shape.exports) {
    if (sort === SORT.core) continue;
    const index = encoder.aliasExport(instances.at(-1)!, { sort, name });
    encoder.exportItem(name, { sort, index });
  }
  return encoder.bytes();
}

function outerImports({ shape, given, outerName }: CompositionPart): OuterImport[] {
  return shape.imports.filter(({ name }) => !given.has(name))
    .map((item) => ({ shape, item, name: outerName(item.name) }));
}
