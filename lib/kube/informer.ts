/**
 * A copy of the cluster's objects of one kind, kept up to date.
 *
 * @module
 */

import type { KubeClient } from "./client.ts";
import { type KubeObject, objectKey, type ResourceType } from "./types.ts";
import { watchObjects, type WatchOptions } from "./watch.ts";

/** Called with every change: `undefined` before it came, or after it is gone. */
export type ChangeHandler<T> = (change: {
  readonly before: T | undefined;
  readonly after: T | undefined;
}) => void;

/** Names under which an object is found. */
export type Index<T> = (object: T) => readonly string[];

/** Options of {@link Informer}. */
export interface InformerOptions<T> extends Omit<WatchOptions, "signal"> {
  /** What is kept of an object; the less, the less memory. Default: all but `managedFields`. */
  readonly trim?: (object: T) => T;
  readonly indexes?: Readonly<Record<string, Index<T>>>;
  /** Tells of trouble with the API server; the informer goes on by itself. */
  readonly onTrouble?: (error: unknown, delayMs: number) => void;
}

/** Objects of one kind. Reading costs nothing; objects must not be changed. */
export class Informer<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly #options: InformerOptions<T>;
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Map<string, Set<string>>>();
  readonly #handlers: ChangeHandler<T>[] = [];
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;

  constructor(type: ResourceType<T>, options: InformerOptions<T> = {}) {
    this.type = type;
    this.#options = options;
    for (const name of Object.keys(options.indexes ?? {})) this.#indexes.set(name, new Map());
  }

  /** Adds a handler. It is told of all objects there are already. */
  onChange(handler: ChangeHandler<T>): void {
    this.#handlers.push(handler);
    for (const after of this.#objects.values()) handler({ before: undefined, after });
  }

  /** Resolves when all objects have been listed once. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** The object `namespace/name`, or `name` for one of the whole cluster. */
  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  /** The objects that `index` has under `name`. */
  find(index: string, name: string): T[] {
    const keys = this.#indexes.get(index)?.get(name);
    return keys ? [...keys].map((key) => this.#objects.get(key)!) : [];
  }

  all(): IterableIterator<T> {
    return this.#objects.values();
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Keeps the copy up to date until the signal fires. */
  async run(client: KubeClient, signal: AbortSignal): Promise<void> {
    await watchObjects(client, this.type, {
      ...this.#options,
      signal,
      receiver: {
        onList: (objects) => this.#replace(objects),
        onChange: (object) => this.#set(objectKey(object), this.#trim(object)),
        onDelete: (object) => this.#delete(objectKey(object)),
        onTrouble: (error, delayMs) => this.#options.onTrouble?.(error, delayMs),
      },
    });
  }

  #replace(objects: T[]): void {
    const listed = new Set<string>();
    for (const object of objects) {
      const key = objectKey(object);
      listed.add(key);
      const known = this.#objects.get(key);
      if (known?.metadata.resourceVersion === object.metadata.resourceVersion) continue;
      this.#set(key, this.#trim(object));
    }
    for (const key of [...this.#objects.keys()]) if (!listed.has(key)) this.#delete(key);
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  #set(key: string, after: T): void {
    const before = this.#objects.get(key);
    this.#objects.set(key, after);
    this.#reindex(key, { before, after });
    this.#tell({ before, after });
  }

  #delete(key: string): void {
    const before = this.#objects.get(key);
    if (!before) return;
    this.#objects.delete(key);
    this.#reindex(key, { before, after: undefined });
    this.#tell({ before, after: undefined });
  }

  #reindex(key: string, { before, after }: { before: T | undefined; after: T | undefined }): void {
    for (const [name, index] of this.#indexes) {
      const namesOf = this.#options.indexes![name]!;
      for (const value of before ? namesOf(before) : []) {
        const keys = index.get(value);
        keys?.delete(key);
        if (keys?.size === 0) index.delete(value);
      }
      for (const value of after ? namesOf(after) : []) {
        const keys = index.get(value) ?? new Set();
        keys.add(key);
        index.set(value, keys);
      }
    }
  }

  #tell(change: { before: T | undefined; after: T | undefined }): void {
    for (const handler of this.#handlers) handler(change);
  }

  #trim(object: T): T {
    if (this.#options.trim) return this.#options.trim(object);
    const { managedFields: _, ...metadata } = object.metadata;
    return { ...object, metadata };
  }
}
