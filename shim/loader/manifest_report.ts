/**
 * Collects what is wrong with a manifest, so that all of it is reported at once.
 *
 * @module
 */

import { ManifestError, type ManifestProblem } from "../../lib/errors.ts";
import type { TomlDocument } from "./toml_document.ts";
import type { KeyPath } from "./toml_positions.ts";

/** The problems and warnings of one manifest. */
export class ManifestReport {
  readonly #document: TomlDocument;
  readonly #problems: ManifestProblem[] = [];
  readonly #warnings: string[] = [];

  constructor(document: TomlDocument) {
    this.#document = document;
  }

  /** Whether nothing is wrong so far. */
  get isClean(): boolean {
    return this.#problems.length === 0;
  }

  /** What the user should know but need not act on, in the order found. */
  get warnings(): string[] {
    return [...this.#warnings];
  }

  /** Adds a problem of the value at `path`. The same problem at the same place counts once. */
  add(path: KeyPath, message: string): void {
    const problem = { file: this.#document.file, ...this.#document.positions.find(path), message };
    const isKnown = this.#problems.some((known) =>
      known.line === problem.line && known.column === problem.column && known.message === message
    );
    if (!isKnown) this.#problems.push(problem);
  }

  /** Adds a problem after which there is nothing more to find, and throws. */
  fail(path: KeyPath, message: string): never {
    this.add(path, message);
    throw this.#toError();
  }

  /** Adds a warning about the value at `path`. */
  warn(path: KeyPath, message: string): void {
    const { line, column } = this.#document.positions.find(path);
    this.#warnings.push(`${this.#document.file}:${line}:${column}: ${message}`);
  }

  /** @throws {ManifestError} with every problem, in the order of the file, if there is one. */
  throwIfAny(): void {
    if (!this.isClean) throw this.#toError();
  }

  #toError(): ManifestError {
    return new ManifestError(
      this.#problems.toSorted((a, b) => a.line - b.line || a.column - b.column),
    );
  }
}
