/**
 * The resource `wasi:http/types#fields`: header and trailer fields as a guest sees them.
 *
 * @module
 */

/** The variant `header-error`, thrown as is. */
export type HeaderError =
  | { readonly tag: "invalid-syntax" }
  | { readonly tag: "forbidden" }
  | { readonly tag: "immutable" };

/** One field: its name in lower case, and its value. */
export type FieldEntry = [name: string, value: Uint8Array];

/**
 * Fields of the connection, not of the message: hidden from guests, and refused when they set them.
 */
export const FORBIDDEN_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Bytes of names and values that one set of fields may hold; more traps the guest. */
const MAX_FIELD_BYTES = 1 << 20;

/** A set of fields would hold more bytes than it may. WASI 0.2 has no error for it: it traps. */
export class FieldsTooLarge extends Error {
  override readonly name = "FieldsTooLarge";

  constructor() {
    super(`Cannot add a field: the fields exceed ${MAX_FIELD_BYTES} bytes`);
  }
}

/** A token of RFC 9110. */
const NAME_SYNTAX = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function isValidValue(value: Uint8Array): boolean {
  // Visible characters, space, tab and obs-text; no other control characters (RFC 9110, 5.5).
  for (let i = 0; i < value.length; i++) {
    const byte = value[i]!;
    if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return false;
  }
  return true;
}

function validName(name: string): string {
  if (!NAME_SYNTAX.test(name)) throw { tag: "invalid-syntax" } satisfies HeaderError;
  const lower = name.toLowerCase();
  if (FORBIDDEN_FIELDS.has(lower)) throw { tag: "forbidden" } satisfies HeaderError;
  return lower;
}

function validValue(value: Uint8Array): Uint8Array {
  if (!isValidValue(value)) throw { tag: "invalid-syntax" } satisfies HeaderError;
  return value.slice();
}

/** The bytes of a header value that the platform gives as a string of code points below 256. */
export function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The string of code points below 256 that the platform wants for a header value. */
export function latin1Text(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** The resource `fields`. */
export class Fields {
  #entries: FieldEntry[];
  #bytes = 0;
  #isImmutable: boolean;

  /** @param entries Taken over, not copied; names must be in lower case. */
  constructor(entries: FieldEntry[] = [], isImmutable = false) {
    this.#entries = entries;
    this.#isImmutable = isImmutable;
  }

  static fromList(list: [string, Uint8Array][]): Fields {
    const fields = new Fields();
    for (const [name, value] of list) fields.#add(validName(name), validValue(value));
    return fields;
  }

  get(name: string): Uint8Array[] {
    const lower = name.toLowerCase();
    return this.#entries.filter((entry) => entry[0] === lower).map((entry) => entry[1]);
  }

  has(name: string): boolean {
    const lower = name.toLowerCase();
    return this.#entries.some((entry) => entry[0] === lower);
  }

  set(name: string, values: Uint8Array[]): void {
    this.#assertMutable();
    const lower = validName(name);
    const copies = values.map(validValue);
    this.#remove(lower);
    for (const value of copies) this.#add(lower, value);
  }

  delete(name: string): void {
    this.#assertMutable();
    this.#remove(validName(name));
  }

  append(name: string, value: Uint8Array): void {
    this.#assertMutable();
    this.#add(validName(name), validValue(value));
  }

  entries(): FieldEntry[] {
    return this.#entries;
  }

  clone(): Fields {
    const fields = new Fields(this.#entries.slice());
    fields.#bytes = this.#bytes;
    return fields;
  }

  /** A handle on the same fields that cannot change them: what `headers()` of a message returns. */
  immutableView(): Fields {
    return new Fields(this.#entries, true);
  }

  /** Forbids changes from now on: the fields belong to a message. */
  freeze(): void {
    this.#isImmutable = true;
  }

  #assertMutable(): void {
    if (this.#isImmutable) throw { tag: "immutable" } satisfies HeaderError;
  }

  #add(name: string, value: Uint8Array): void {
    const bytes = this.#bytes + name.length + value.length;
    if (bytes > MAX_FIELD_BYTES) throw new FieldsTooLarge();
    this.#bytes = bytes;
    this.#entries.push([name, value]);
  }

  #remove(name: string): void {
    this.#entries = this.#entries.filter((entry) => {
      if (entry[0] !== name) return true;
      this.#bytes -= name.length + entry[1].length;
      return false;
    });
  }
}
