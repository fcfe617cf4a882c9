/**
 * The type definitions of components: reading over them, and copying them to another component,
 * where the types that they refer to have other numbers.
 *
 * @module
 */

import type { WasmReader } from "./reader.ts";
import { encodeName, encodeS32, encodeU32 } from "./writer.ts";

/** Sorts of items of a component, as its binary numbers them. */
export const SORT = { core: 0, func: 1, value: 2, type: 3, component: 4, instance: 5 } as const;

/** The component has something that no tool makes of WIT, and that cannot be composed here. */
export class UnsupportedComponent extends Error {
  override readonly name = "UnsupportedComponent";
}

/** Where a copied type finds the types it refers to: number in the original → number in the copy. */
export type TypeNumbers = (index: number) => number;

/** Name of an import or export. */
export function readExternName(reader: WasmReader): string {
  const form = reader.byte();
  const name = reader.name();
  if (form === 2) reader.name(); // version suffix of a canonicalised name
  return name;
}

/** {@link readExternName} the other way. */
export function encodeExternName(name: string): number[] {
  return [0, ...encodeName(name)];
}

/** What an import or export is. */
export interface ExternDescription {
  readonly sort: number;
  /** The type it has or is equal to; undefined for a new resource type. */
  readonly type: number | undefined;
}

/** Reads what an import or export is. Core modules and values have no type here. */
export function readExternDescription(reader: WasmReader): ExternDescription {
  const sort = reader.byte();
  switch (sort) {
    case SORT.core: // a module: 0x11, type index
      reader.skip(1);
      reader.skipLeb();
      return { sort, type: undefined };
    case SORT.value: // equal to an index, or of a type
      reader.skip(1);
      reader.skipLeb();
      return { sort, type: undefined };
    case SORT.type: // equal to an index, or a new resource
      return { sort, type: reader.byte() === 0 ? reader.u32() : undefined };
    case SORT.func:
    case SORT.component:
    case SORT.instance:
      return { sort, type: reader.u32() };
    default:
      throw new RangeError(`Unknown kind ${sort} of component import or export`);
  }
}

/** The opposite of {@link readExternDescription}, for functions, types and instances. */
export function encodeExternDescription({ sort, type }: ExternDescription): number[] {
  if (sort !== SORT.type) return [sort, ...encodeU32(type!)];
  return type === undefined ? [SORT.type, 1] : [SORT.type, 0, ...encodeU32(type)];
}

/** Opcodes of type definitions. */
export const TYPE = {
  asyncResource: 0x3e,
  resource: 0x3f,
  func: 0x40,
  component: 0x41,
  instance: 0x42,
  asyncFunc: 0x43,
} as const;

/** Reads over the definition at the reader. */
export function skipType(reader: WasmReader): void {
  const code = reader.bytes[reader.position];
  if (code === TYPE.resource || code === TYPE.asyncResource) return skipResource(reader);
  if (code === TYPE.instance || code === TYPE.component) return skipDeclarations(reader);
  copyType(reader, (index) => index);
}

function skipResource(reader: WasmReader): void {
  const isAsync = reader.byte() === TYPE.asyncResource;
  reader.skip(1); // representation
  if (isAsync) reader.skipLeb(); // destructor
  if (reader.byte() === 1) reader.skipLeb(); // destructor, or its callback
}

function skipDeclarations(reader: WasmReader): void {
  reader.skip(1);
  for (let count = reader.u32(); count > 0; count--) {
    const kind = reader.byte();
    if (kind === DECLARATION.type) skipType(reader);
    else if (kind === DECLARATION.alias) readAlias(reader);
    else if (kind === DECLARATION.import || kind === DECLARATION.export) {
      readExternName(reader);
      readExternDescription(reader);
    } else throw new UnsupportedComponent("it declares core types in its interface");
  }
}

/** Kinds of declarations in instance and component types. */
export const DECLARATION = { coreType: 0, type: 1, alias: 2, import: 3, export: 4 } as const;

/** An alias: of an export of an instance, or of something in an enclosing component. */
export type Alias =
  | { readonly kind: "export"; readonly sort: number; readonly instance: number; name: string }
  | { readonly kind: "core-export"; readonly sort: number }
  | { readonly kind: "outer"; readonly sort: number; readonly depth: number; index: number };

/** Reads an alias. */
export function readAlias(reader: WasmReader): Alias {
  const sort = reader.byte();
  if (sort === SORT.core) reader.skip(1); // core sorts have a second byte
  const target = reader.byte();
  const first = reader.u32();
  if (target === 0) return { kind: "export", sort, instance: first, name: reader.name() };
  if (target === 2) return { kind: "outer", sort, depth: first, index: reader.u32() };
  if (target !== 1) throw new RangeError(`Unknown target ${target} of a component alias`);
  reader.name();
  return { kind: "core-export", sort };
}

/**
 * Copies a definition of a value or function type.
 * @throws {UnsupportedComponent} if it is of another kind.
 */
export function copyType(reader: WasmReader, numbers: TypeNumbers): number[] {
  const code = reader.byte();
  const out = [code];
  const copy = new Copier(reader, { numbers, out });
  if (isPrimitive(code)) return out;
  switch (code) {
    case TYPE.func:
    case TYPE.asyncFunc:
      copy.list(() => copy.field());
      copy.results();
      break;
    case 0x72: // record
      copy.list(() => copy.field());
      break;
    case 0x71: // variant
      copy.list(() => {
        copy.name();
        copy.optional();
        out.push(reader.byte()); // refines nothing
      });
      break;
    case 0x6f: // tuple
      copy.list(() => copy.value());
      break;
    case 0x6e: // flags
    case 0x6d: // enum
      copy.list(() => copy.name());
      break;
    case 0x70: // list
    case 0x6b: // option
      copy.value();
      break;
    case 0x67: // list of a fixed length
      copy.value();
      out.push(...encodeU32(reader.u32()));
      break;
    case 0x63: // map
      copy.value();
      copy.value();
      break;
    case 0x6a: // result
      copy.optional();
      copy.optional();
      break;
    case 0x69: // own
    case 0x68: // borrow
      out.push(...encodeU32(numbers(reader.u32())));
      break;
    case 0x66: // stream
    case 0x65: // future
      copy.optional();
      break;
    default:
      throw new UnsupportedComponent(`its interface uses a type of kind 0x${code.toString(16)}`);
  }
  return out;
}

/** Numbers, strings, `bool`, `char` and error contexts. */
function isPrimitive(code: number): boolean {
  return code === 0x64 || (code >= 0x73 && code <= 0x7f);
}

/** Copies the parts of one definition. */
class Copier {
  readonly #reader: WasmReader;
  readonly #numbers: TypeNumbers;
  readonly #out: number[];

  constructor(reader: WasmReader, { numbers, out }: { numbers: TypeNumbers; out: number[] }) {
    this.#reader = reader;
    this.#numbers = numbers;
    this.#out = out;
  }

  list(item: () => void): void {
    const count = this.#reader.u32();
    this.#out.push(...encodeU32(count));
    for (let i = 0; i < count; i++) item();
  }

  name(): void {
    this.#out.push(...encodeName(this.#reader.name()));
  }

  /** A name and the type of its value. */
  field(): void {
    this.name();
    this.value();
  }

  /** A primitive type, which is a negative number, or the number of a definition. */
  value(): void {
    const code = this.#reader.bytes[this.#reader.position]!;
    if (code < 0x80 && (code & 0x40) !== 0) {
      this.#out.push(this.#reader.byte());
    } else {
      this.#out.push(...encodeS32(this.#numbers(this.#reader.u32())));
    }
  }

  optional(): void {
    const isPresent = this.#reader.byte();
    this.#out.push(isPresent);
    if (isPresent === 1) this.value();
  }

  results(): void {
    const form = this.#reader.byte();
    this.#out.push(form);
    if (form === 0) this.value();
    else this.list(() => this.field());
  }
}
