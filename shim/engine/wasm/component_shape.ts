/**
 * What a component imports and exports, with the types of its imports: all that has to be known to
 * put it into another component.
 *
 * @module
 */

import { readSections, WasmReader } from "./reader.ts";
import {
  type ExternDescription,
  readAlias,
  readExternDescription,
  readExternName,
  skipType,
  SORT,
} from "./component_types.ts";

/** One import. */
export interface ComponentImport extends ExternDescription {
  readonly name: string;
}

/** One export. */
export interface ComponentExport {
  readonly name: string;
  readonly sort: number;
}

/** Where a type of a component's top level comes from. */
export type TypeOrigin =
  | { readonly kind: "definition"; /** Offset in the binary. */ readonly at: number }
  | { readonly kind: "of-import"; readonly instance: string; readonly name: string }
  | { readonly kind: "import"; readonly name: string }
  | { readonly kind: "same"; readonly index: number }
  | { readonly kind: "inner" };

/** See {@link readShape}. */
export interface ComponentShape {
  readonly bytes: Uint8Array;
  readonly imports: readonly ComponentImport[];
  readonly exports: readonly ComponentExport[];
  /** By number. */
  readonly types: readonly TypeOrigin[];
}

/** Section ids of components. */
const SECTION = { instance: 5, alias: 6, type: 7, import: 10, export: 11 } as const;

/**
 * Reads a component's shape.
 * @throws {RangeError} if the binary is malformed.
 * @throws {UnsupportedComponent} if its interface has what cannot be composed.
 */
export function readShape(bytes: Uint8Array): ComponentShape {
  const shape = new ShapeReader(bytes);
  for (const { id, content } of readSections(bytes)) {
    shape.section(id, new WasmReader(bytes, content));
  }
  return shape;
}

class ShapeReader implements ComponentShape {
  readonly bytes: Uint8Array;
  readonly imports: ComponentImport[] = [];
  readonly exports: ComponentExport[] = [];
  readonly types: TypeOrigin[] = [];
  /** The names of those that are imported. */
  readonly #instances: (string | undefined)[] = [];

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  section(id: number, reader: WasmReader): void {
    const items: Record<number, () => void> = {
      [SECTION.alias]: () => this.#alias(reader),
      [SECTION.type]: () => this.#type(reader),
      [SECTION.import]: () => this.#import(reader),
      [SECTION.export]: () => this.#export(reader),
    };
    if (id === SECTION.instance) {
      for (let count = reader.u32(); count > 0; count--) this.#instances.push(undefined);
      return;
    }
    const item = items[id];
    if (!item) return;
    for (let count = reader.u32(); count > 0; count--) item();
  }

  #type(reader: WasmReader): void {
    this.types.push({ kind: "definition", at: reader.position });
    skipType(reader);
  }

  #alias(reader: WasmReader): void {
    const alias = readAlias(reader);
    if (alias.sort === SORT.instance) this.#instances.push(undefined);
    if (alias.sort !== SORT.type) return;
    const instance = alias.kind === "export" ? this.#instances[alias.instance] : undefined;
    this.types.push(
      alias.kind === "export" && instance !== undefined
        ? { kind: "of-import", instance, name: alias.name }
        : { kind: "inner" },
    );
  }

  #import(reader: WasmReader): void {
    const name = readExternName(reader);
    const description = readExternDescription(reader);
    this.imports.push({ name, ...description });
    if (description.sort === SORT.instance) this.#instances.push(name);
    if (description.sort === SORT.type) this.types.push({ kind: "import", name });
  }

  #export(reader: WasmReader): void {
    const name = readExternName(reader);
    const sort = reader.byte();
    if (sort === SORT.core) reader.skip(1);
    const index = reader.u32();
    if (reader.byte() === 1) readExternDescription(reader);
    this.exports.push({ name, sort });
    if (sort === SORT.instance) this.#instances.push(this.#instances[index]);
    if (sort === SORT.type) this.types.push({ kind: "same", index });
  }
}
