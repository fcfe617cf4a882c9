/**
 * The resource `wasi:http/types@0.3#fields`: the one of 0.2, with other names and one more error.
 *
 * @module
 */

import { type FieldEntry, Fields as Fields02, FieldsTooLarge } from "../http_fields.ts";

/** Runs `action`; fields that become too large are an error here, and no trap. */
function checked<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof FieldsTooLarge ? { tag: "size-exceeded" } : error;
  }
}

/** The resource `fields`. */
export class Fields {
  /** The fields themselves. */
  readonly inner: Fields02;

  /** @param inner Taken over, not copied. */
  constructor(inner?: Fields02) {
    this.inner = inner ?? new Fields02();
  }

  static fromList(list: [string, Uint8Array][]): Fields {
    return new Fields(checked(() => Fields02.fromList(list)));
  }

  get(name: string): Uint8Array[] {
    return this.inner.get(name);
  }

  has(name: string): boolean {
    return this.inner.has(name);
  }

  set(name: string, values: Uint8Array[]): void {
    checked(() => this.inner.set(name, values));
  }

  delete(name: string): void {
    this.inner.delete(name);
  }

  getAndDelete(name: string): Uint8Array[] {
    const values = this.inner.get(name);
    this.inner.delete(name);
    return values;
  }

  append(name: string, value: Uint8Array): void {
    checked(() => this.inner.append(name, value));
  }

  copyAll(): FieldEntry[] {
    return this.inner.entries();
  }

  clone(): Fields {
    return new Fields(this.inner.clone());
  }

  /** A handle on the same fields that cannot change them. */
  immutableView(): Fields {
    return new Fields(this.inner.immutableView());
  }
}
