/**
 * A composition → the components it is made of, and what connects them. A composition in a
 * composition is taken apart as well, so that what is left has none in it. Understands what wac,
 * `wasm-tools compose` and `encode_composition.ts` write.
 *
 * @module
 */

import { isComposition } from "../wasm/component_binary.ts";
import { type ComponentShape, readShape } from "../wasm/component_shape.ts";
import {
  readAlias,
  readExternDescription,
  readExternName,
  skipType,
  SORT,
  UnsupportedComponent,
} from "../wasm/component_types.ts";
import { readSections, WasmReader } from "../wasm/reader.ts";

/** Where an import of a part comes from: an import of the whole, or an export of another part. */
export type PartSource =
  | { readonly kind: "import"; readonly name: string }
  | { readonly kind: "part"; readonly part: number; readonly export: string };

/** An instance of a component that is no composition. */
export interface FlatPart {
  readonly shape: ComponentShape;
  /** By import. */
  readonly sources: ReadonlyMap<string, PartSource>;
}

/** See {@link readComposition}. */
export interface FlatComposition {
  /** In the order in which they are instantiated. */
  readonly parts: readonly FlatPart[];
  readonly exports: ReadonlyMap<string, PartSource>;
}

/**
 * Takes a composition apart.
 * @throws {RangeError} if the binary is malformed.
 * @throws {UnsupportedComponent} if it connects components by more than their imports and exports.
 */
export function readComposition(bytes: Uint8Array): FlatComposition {
  const parts: FlatPart[] = [];
  const whole = new CompositionReader({ parts });
  whole.read(bytes);
  return {
    parts,
    exports: new Map([...whole.exports].map(([name, item]) => [name, toSource(item, name)])),
  };
}

/** Each instance of a component counts; more than this is no app. */
const MAX_PARTS = 1_000;

/** Section ids of components. */
const SECTION = { component: 4, instance: 5, alias: 6, type: 7, import: 10, export: 11 } as const;

/** What a number of one of the index spaces stands for. */
type Item =
  | PartSource
  /** The instance of a part. */
  | { readonly kind: "instance"; readonly part: number }
  /** An instance of which the items are known. */
  | { readonly kind: "items"; readonly items: ReadonlyMap<string, Item> }
  /** Something that can only be used to describe types. */
  | { readonly kind: "inner" };

function toSource(item: Item | undefined, name: string): PartSource {
  if (item?.kind === "import" || item?.kind === "part") return item;
  throw new UnsupportedComponent(
    `"${name}" is neither an import nor what a component in it exports`,
  );
}

/** Reads one composition. */
class CompositionReader {
  readonly exports = new Map<string, Item>();
  readonly #parts: FlatPart[];
  /** What a composition in a composition gets for its imports; undefined: this is the outermost. */
  readonly #given: ReadonlyMap<string, Item> | undefined;
  readonly #components: Uint8Array[] = [];
  /** By sort. */
  readonly #items: Item[][] = [[], [], [], [], [], []];

  constructor(options: { parts: FlatPart[]; given?: ReadonlyMap<string, Item> }) {
    this.#parts = options.parts;
    this.#given = options.given;
  }

  read(bytes: Uint8Array): void {
    for (const { id, content, end } of readSections(bytes)) {
      if (id === SECTION.component) this.#components.push(bytes.subarray(content, end));
      else this.#section(id, new WasmReader(bytes, content));
    }
  }

  #section(id: number, reader: WasmReader): void {
    const items: Record<number, () => void> = {
      [SECTION.instance]: () => this.#items[SORT.instance]!.push(this.#instance(reader)),
      [SECTION.alias]: () => this.#alias(reader),
      [SECTION.type]: () => {
        skipType(reader);
        this.#items[SORT.type]!.push({ kind: "inner" });
      },
      [SECTION.import]: () => this.#import(reader),
      [SECTION.export]: () => this.#export(reader),
    };
    const item = items[id];
    if (!item) return;
    for (let count = reader.u32(); count > 0; count--) item();
  }

  #import(reader: WasmReader): void {
    const name = readExternName(reader);
    const { sort } = readExternDescription(reader);
    if (sort === SORT.component) throw new UnsupportedComponent("it imports a component");
    const item: Item = this.#given ? this.#given.get(name) ?? inner() : { kind: "import", name };
    this.#space(sort).push(item);
  }

  #export(reader: WasmReader): void {
    const name = readExternName(reader);
    const { sort, item } = this.#sorted(reader);
    if (reader.byte() === 1) readExternDescription(reader);
    this.exports.set(name, item);
    this.#space(sort).push(item);
  }

  #alias(reader: WasmReader): void {
    const alias = readAlias(reader);
    if (alias.sort === SORT.component) throw new UnsupportedComponent("it names a component anew");
    const item = alias.kind === "export"
      ? exportOf(this.#items[SORT.instance]![alias.instance], alias.name)
      : inner();
    this.#space(alias.sort).push(item);
  }

  #instance(reader: WasmReader): Item {
    const form = reader.byte();
    if (form === 1) return { kind: "items", items: this.#named(reader, readExternName) };
    if (form !== 0) throw new RangeError(`Unknown form ${form} of a component instance`);
    const component = this.#components[reader.u32()];
    if (!component) throw new RangeError("An instance of a component that is not there");
    return this.#instantiate(component, this.#named(reader, (item) => item.name()));
  }

  #instantiate(component: Uint8Array, given: ReadonlyMap<string, Item>): Item {
    if (this.#parts.length >= MAX_PARTS) {
      throw new UnsupportedComponent(`it has more than ${MAX_PARTS} components in it`);
    }
    if (isComposition(component)) {
      const nested = new CompositionReader({ parts: this.#parts, given });
      nested.read(component);
      return { kind: "items", items: nested.exports };
    }
    const shape = readShape(component);
    const sources = new Map(
      shape.imports.map(({ name }) => [name, toSource(given.get(name), name)]),
    );
    this.#parts.push({ shape, sources });
    return { kind: "instance", part: this.#parts.length - 1 };
  }

  /** A list of items with names. */
  #named(reader: WasmReader, readName: (reader: WasmReader) => string): Map<string, Item> {
    const items = new Map<string, Item>();
    for (let count = reader.u32(); count > 0; count--) {
      const name = readName(reader);
      items.set(name, this.#sorted(reader).item);
    }
    return items;
  }

  /** An item by its sort and number. */
  #sorted(reader: WasmReader): { sort: number; item: Item } {
    const sort = reader.byte();
    if (sort === SORT.core || sort === SORT.component) {
      throw new UnsupportedComponent("it hands on core modules or components");
    }
    const item = this.#space(sort)[reader.u32()];
    if (!item) throw new RangeError("An item of a component that is not there");
    return { sort, item };
  }

  #space(sort: number): Item[] {
    const space = this.#items[sort];
    if (!space) throw new RangeError(`Unknown sort ${sort} in a component`);
    return space;
  }
}

function inner(): Item {
  return { kind: "inner" };
}

function exportOf(instance: Item | undefined, name: string): Item {
  if (instance?.kind === "instance") return { kind: "part", part: instance.part, export: name };
  if (instance?.kind === "items") return instance.items.get(name) ?? inner();
  return inner();
}
