/**
 * Typed reading of a JSON value that another program sent.
 *
 * @module
 */

type Step = string | number;

/** A JSON value of unknown shape. Its methods take a path into it, and throw what does not fit. */
export class JsonAnswer {
  readonly #value: unknown;

  /** @throws {Error} if `text` is no JSON. */
  constructor(text: string) {
    try {
      this.#value = JSON.parse(text);
    } catch (error) {
      // The parser's message quotes the text, which may be large, or private.
      throw new Error("it is no JSON", { cause: error });
    }
  }

  /** Whatever is there; undefined if there is nothing. */
  find(...path: Step[]): unknown {
    let value = this.#value;
    for (const step of path) {
      const isInside = typeof value === "object" && value !== null && Object.hasOwn(value, step);
      if (!isInside) return undefined;
      value = (value as Record<Step, unknown>)[step];
    }
    return value;
  }

  string(...path: Step[]): string {
    const value = this.find(...path);
    if (typeof value !== "string") throw mismatch(path, "a string");
    return value;
  }

  /** A u32. */
  count(...path: Step[]): number {
    const value = this.find(...path);
    if (typeof value !== "number" || value !== value >>> 0) throw mismatch(path, "a u32");
    return value;
  }

  array(...path: Step[]): unknown[] {
    const value = this.find(...path);
    if (!Array.isArray(value)) throw mismatch(path, "an array");
    return value;
  }

  /** An array of numbers, rounded to f32. */
  floats(...path: Step[]): Float32Array {
    const values = this.array(...path);
    if (!values.every((value) => typeof value === "number")) throw mismatch(path, "numbers");
    return Float32Array.from(values);
  }
}

function mismatch(path: readonly Step[], wanted: string): Error {
  return new Error(`"${path.join(".")}" is not ${wanted}`);
}
