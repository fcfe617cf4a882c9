/**
 * Writes the binary of a component, item by item, and numbers what it has written.
 *
 * @module
 */

import { encodeName, encodeU32, WasmWriter } from "./writer.ts";
import {
  encodeExternDescription,
  encodeExternName,
  type ExternDescription,
  SORT,
} from "./component_types.ts";

/** Magic number, version and layer of a component. */
const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

/** Section ids of components. */
const SECTION = { component: 4, instance: 5, alias: 6, type: 7, import: 10, export: 11 } as const;

/** An item by its sort and number. */
export interface ComponentItem {
  readonly sort: number;
  readonly index: number;
}

/** A component that is being written. */
export class ComponentEncoder {
  readonly #writer = new WasmWriter(1 << 16);
  /** Items so far, by sort. */
  readonly #counts: number[] = [0, 0, 0, 0, 0, 0];

  constructor() {
    this.#writer.push(PREAMBLE);
  }

  /** Adds a type definition. @returns Its number. */
  type(definition: readonly number[]): number {
    this.#section(SECTION.type, [1, ...definition]);
    return this.#number(SORT.type);
  }

  /** Adds an import. */
  importItem(name: string, description: ExternDescription): ComponentItem {
    this.#section(SECTION.import, [
      1,
      ...encodeExternName(name),
      ...encodeExternDescription(description),
    ]);
    return { sort: description.sort, index: this.#number(description.sort) };
  }

  /** Names an export of an instance. @returns Its number. */
  aliasExport(instance: number, { sort, name }: { sort: number; name: string }): number {
    this.#section(SECTION.alias, [1, sort, 0, ...encodeU32(instance), ...encodeName(name)]);
    return this.#number(sort);
  }

  /** Puts a whole component in. @returns Its number. */
  component(bytes: Uint8Array): number {
    this.#writer.push([SECTION.component, ...encodeU32(bytes.length)]);
    this.#writer.push(bytes);
    return this.#number(SORT.component);
  }

  /** Makes an instance of a component in it. @returns Its number. */
  instantiate(
    component: number,
    given: readonly (readonly [name: string, item: ComponentItem])[],
  ): number {
    const items = given.flatMap(([name, { sort, index }]) => [
      ...encodeName(name),
      sort,
      ...encodeU32(index),
    ]);
    this.#section(SECTION.instance, [
      ...[1, 0],
      ...encodeU32(component),
      ...encodeU32(given.length),
      ...items,
    ]);
    return this.#number(SORT.instance);
  }

  /** Exports an item. */
  exportItem(name: string, { sort, index }: ComponentItem): void {
    const end = 0; // as the item is, with no other type
    this.#section(SECTION.export, [1, ...encodeExternName(name), sort, ...encodeU32(index), end]);
    this.#number(sort);
  }

  /** The whole binary. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#writer.view().slice();
  }

  #section(id: number, content: readonly number[]): void {
    this.#writer.push([id, ...encodeU32(content.length)]);
    this.#writer.push(content);
  }

  #number(sort: number): number {
    const number = this.#counts[sort]!;
    this.#counts[sort] = number + 1;
    return number;
  }
}
