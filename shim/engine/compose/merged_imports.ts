/**
 * The imports of a composed component: those of all its parts, each once. Parts that import the same
 * interface get the same instance, so that resources can pass between them; its type has what any of
 * them asks for.
 *
 * @module
 */

import { DENIED_PREFIX } from "../../imports/capabilities.ts";
import { interfaceKey } from "../link.ts";
import { encodeU32 } from "../wasm/writer.ts";
import { WasmReader } from "../wasm/reader.ts";
import type { ComponentImport, ComponentShape } from "../wasm/component_shape.ts";
import {
  copyType,
  DECLARATION,
  encodeExternDescription,
  encodeExternName,
  readAlias,
  readExternDescription,
  readExternName,
  SORT,
  TYPE,
  UnsupportedComponent,
} from "../wasm/component_types.ts";
import type { ComponentEncoder } from "../wasm/component_encoder.ts";

/** A part's import that the composed component has to import too. */
export interface OuterImport {
  readonly shape: ComponentShape;
  readonly item: ComponentImport;
  /** Its name in the composed component. */
  readonly name: string;
}

/** An import of the composed component: its sort and its number there. */
export interface MergedImport {
  readonly sort: number;
  readonly index: number;
}

/** Writes the imports of a composed component, each when it is first asked for. */
export class MergedImports {
  readonly #encoder: ComponentEncoder;
  readonly #wanted: readonly OuterImport[];
  /** By {@link mergeKey}; null while it is being written. */
  readonly #merged = new Map<string, MergedImport | null>();
  readonly #aliases = new Map<string, number>();
  readonly #copied = new Map<ComponentShape, Map<number, number>>();

  constructor(encoder: ComponentEncoder, wanted: readonly OuterImport[]) {
    this.#encoder = encoder;
    this.#wanted = wanted;
  }

  /**
   * The import that a part gets for one of its own.
   * @throws {UnsupportedComponent} if its type cannot be given to the composed component.
   */
  get({ name }: OuterImport): MergedImport {
    const key = mergeKey(name);
    const known = this.#merged.get(key);
    if (known) return known;
    if (known === null) throw new UnsupportedComponent(`the type of "${name}" refers to itself`);
    this.#merged.set(key, null);
    const merged = this.#write(this.#wanted.filter((other) => mergeKey(other.name) === key));
    this.#merged.set(key, merged);
    return merged;
  }

  #write(wanted: readonly OuterImport[]): MergedImport {
    const [first] = wanted as [OuterImport];
    const { sort, type } = first.item;
    const name = newestName(wanted.map((other) => other.name));
    if (sort === SORT.instance) {
      return this.#encoder.importItem(name, { sort, type: this.#instanceType(wanted) });
    }
    if ((sort === SORT.func || sort === SORT.type) && type !== undefined) {
      return this.#encoder.importItem(name, { sort, type: this.#outerType(first.shape, type) });
    }
    throw new UnsupportedComponent(`it imports "${name}", which is no interface`);
  }

  /** One type for all: what comes again is left out, since it is the same in every part. */
  #instanceType(wanted: readonly OuterImport[]): number {
    const union = new InstanceTypeWriter();
    for (const { shape, item } of wanted) {
      let origin = shape.types[item.type!];
      while (origin?.kind === "same") origin = shape.types[origin.index];
      if (origin?.kind !== "definition") {
        throw new UnsupportedComponent(`the type of its import "${item.name}" is not its own`);
      }
      union.add(new WasmReader(shape.bytes, origin.at), (index) => this.#outerType(shape, index));
    }
    return this.#encoder.type(union.bytes());
  }

  /** The number, in the composed component, of a type of a part's top level. */
  #outerType(shape: ComponentShape, index: number): number {
    const copied = this.#copied.get(shape) ?? new Map<number, number>();
    this.#copied.set(shape, copied);
    const known = copied.get(index);
    if (known !== undefined) return known;
    const number = this.#writeType(shape, index);
    copied.set(index, number);
    return number;
  }

  #writeType(shape: ComponentShape, index: number): number {
    const origin = shape.types[index];
    switch (origin?.kind) {
      case "definition":
        return this.#encoder.type(
          copyType(
            new WasmReader(shape.bytes, origin.at),
            (inner) => this.#outerType(shape, inner),
          ),
        );
      case "same":
        return this.#outerType(shape, origin.index);
      case "import":
        return this.get(this.#find(shape, origin.name)).index;
      case "of-import": {
        const { index: instance } = this.get(this.#find(shape, origin.instance));
        const key = `${instance} ${origin.name}`;
        const alias = this.#aliases.get(key) ??
          this.#encoder.aliasExport(instance, { sort: SORT.type, name: origin.name });
        this.#aliases.set(key, alias);
        return alias;
      }
      default:
        throw new UnsupportedComponent("its imports refer to types that it defines itself");
    }
  }

  #find(shape: ComponentShape, name: string): OuterImport {
    const found = this.#wanted.find((other) => other.shape === shape && other.item.name === name);
    if (found) return found;
    throw new UnsupportedComponent(
      `other imports use types of "${name}", which is taken from a dependency; have that ` +
        "dependency satisfy them too",
    );
  }
}

/** Equal for imports that get one instance: see {@link interfaceKey}. */
function mergeKey(name: string): string {
  const prefix = name.startsWith(DENIED_PREFIX) ? DENIED_PREFIX : "";
  return prefix + interfaceKey(name.slice(prefix.length));
}

/** Of names with the same key: the one of the highest version. */
function newestName(names: readonly string[]): string {
  return names.reduce((newest, name) => patch(name) > patch(newest) ? name : newest);
}

function patch(name: string): number {
  return Number(/@0\.\d+\.(\d+)$/.exec(name)?.[1] ?? -1);
}

/** The type of an instance that has all that several types ask for. */
class InstanceTypeWriter {
  #declarations: number[] = [];
  #count = 0;
  #types = 0;
  /** Exported types by name. */
  readonly #exportedTypes = new Map<string, number>();
  readonly #exported = new Set<string>();

  /** Adds what is not there yet. */
  add(reader: WasmReader, outer: (index: number) => number): void {
    if (reader.byte() !== TYPE.instance) {
      throw new UnsupportedComponent("it imports an instance whose type is none");
    }
    const numbers: number[] = [];
    const local = (index: number): number => numbers[index]!;
    for (let count = reader.u32(); count > 0; count--) {
      const kind = reader.byte();
      if (kind === DECLARATION.type) {
        numbers.push(this.#declare([DECLARATION.type, ...copyType(reader, local)]));
      } else if (kind === DECLARATION.alias) {
        numbers.push(this.#alias(reader, { local, outer }));
      } else if (kind === DECLARATION.export) {
        this.#export(reader, numbers);
      } else throw new UnsupportedComponent("it declares core types in its interface");
    }
  }

  bytes(): number[] {
    return [TYPE.instance, ...encodeU32(this.#count), ...this.#declarations];
  }

  #declare(bytes: readonly number[]): number {
    this.#push(bytes);
    return this.#types++;
  }

  #push(bytes: readonly number[]): void {
    this.#declarations = this.#declarations.concat(bytes);
    this.#count++;
  }

  #alias(
    reader: WasmReader,
    { local, outer }: { local: (index: number) => number; outer: (index: number) => number },
  ): number {
    const alias = readAlias(reader);
    if (alias.kind !== "outer" || alias.sort !== SORT.type || alias.depth > 1) {
      throw new UnsupportedComponent("it imports an interface that has interfaces in it");
    }
    const { depth, index } = alias;
    const number = depth === 0 ? local(index) : outer(index);
    return this.#declare([
      ...[DECLARATION.alias, SORT.type, 2],
      ...encodeU32(depth),
      ...encodeU32(number),
    ]);
  }

  #export(reader: WasmReader, numbers: number[]): void {
    const name = readExternName(reader);
    const { sort, type } = readExternDescription(reader);
    if (sort !== SORT.func && sort !== SORT.type) {
      throw new UnsupportedComponent("it imports an interface that has interfaces in it");
    }
    const known = this.#exportedTypes.get(name);
    if (sort === SORT.type && known !== undefined) return void numbers.push(known);
    if (this.#exported.has(name)) return;
    this.#exported.add(name);
    const description = { sort, type: type === undefined ? undefined : numbers[type]! };
    this.#push([
      DECLARATION.export,
      ...encodeExternName(name),
      ...encodeExternDescription(description),
    ]);
    if (sort !== SORT.type) return;
    this.#exportedTypes.set(name, this.#types);
    numbers.push(this.#types++);
  }
}
