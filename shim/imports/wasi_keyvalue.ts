/**
 * `wasi:keyvalue/store`, `atomics` and `batch` at `0.2.0-draft2`, over the same stores as Spin's own
 * interface.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { mapFailure } from "./_failure.ts";
import type {
  ComponentContext,
  ImportObject,
  KeyValueStore,
  MaybePromise,
} from "./component_context.ts";

/** The variant `store.error`. */
type StoreError =
  | { readonly tag: "no-such-store" | "access-denied" }
  | { readonly tag: "other"; readonly val: string };

/** The variant `atomics.cas-error`. */
type CasError =
  | { readonly tag: "store-error"; readonly val: StoreError }
  | { readonly tag: "cas-failed"; readonly val: Cas };

/** The key-value interfaces of one component. */
export function createWasiKeyvalue(component: ComponentContext): ImportObject {
  return {
    "wasi:keyvalue/store@0.2.0-draft2": {
      Bucket,
      open(identifier: string): Bucket {
        if (!component.keyValueLabels.includes(identifier)) {
          throw { tag: "access-denied" } satisfies StoreError;
        }
        const store = component.keyValueStore(identifier);
        if (!store) throw { tag: "no-such-store" } satisfies StoreError;
        return new Bucket(store);
      },
    },
    "wasi:keyvalue/atomics@0.2.0-draft2": { Cas, increment, swap },
    "wasi:keyvalue/batch@0.2.0-draft2": { getMany, setMany, deleteMany },
  };
}

function other(error: unknown): StoreError {
  return { tag: "other", val: errorText(error) };
}

function then<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** The resource `bucket`. */
class Bucket {
  readonly store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.store = store;
  }

  get(key: string): MaybePromise<Uint8Array | undefined> {
    return mapFailure(() => this.store.get(key), other);
  }

  set(key: string, value: Uint8Array): MaybePromise<void> {
    // The argument is a view of guest memory, which changes when the write has to wait.
    const copy = value.slice();
    return mapFailure(() => this.store.set(key, copy), other);
  }

  delete(key: string): MaybePromise<void> {
    return mapFailure(() => this.store.delete(key), other);
  }

  exists(key: string): MaybePromise<boolean> {
    return mapFailure(() => this.store.exists(key), other);
  }

  /** All keys at once, as in the original: no cursor is ever given out, so none is accepted. */
  listKeys(
    cursor: string | undefined,
  ): MaybePromise<{ keys: string[]; cursor: string | undefined }> {
    if (cursor !== undefined) throw other("list_keys: cursor not supported");
    return then(
      mapFailure(() => this.store.keys(), other),
      (keys) => ({ keys, cursor: undefined }),
    );
  }
}

/** The resource `cas`: a key, and the value that a swap expects to find. */
class Cas {
  readonly store: KeyValueStore;
  readonly key: string;
  /** What `current` last read; undefined: no value. */
  expected: Uint8Array | undefined;

  private constructor(store: KeyValueStore, key: string) {
    this.store = store;
    this.key = key;
  }

  // deno-lint-ignore no-misused-new -- the interface names it so
  static new(bucket: Bucket, key: string): Cas {
    return new Cas(bucket.store, key);
  }

  current(): MaybePromise<Uint8Array | undefined> {
    return then(
      mapFailure(() => this.store.get(this.key), other),
      (value) => this.expected = value,
    );
  }

  /** A new handle for the next try, which expects the present value. */
  renew(): MaybePromise<Cas> {
    const next = new Cas(this.store, this.key);
    return then(next.current(), () => next);
  }
}

function increment(bucket: Bucket, key: string, delta: bigint): MaybePromise<bigint> {
  const { store } = bucket;
  return mapFailure(() => {
    if (!store.increment) throw new Error("increment is not supported by this store");
    return store.increment(key, delta);
  }, other);
}

/** Takes the handle. A swap that fails gives the guest one that is ready for the next try. */
function swap(cas: Cas, value: Uint8Array): MaybePromise<void> {
  const { store, key, expected } = cas;
  const copy = value.slice();
  const swapped = mapFailure(() => {
    if (!store.compareAndSwap) throw new Error("compare-and-swap is not supported by this store");
    return store.compareAndSwap(key, { expected, value: copy });
  }, storeError);
  return then(swapped, (isSwapped) => isSwapped ? undefined : refuse(cas));
}

function storeError(error: unknown): CasError {
  return { tag: "store-error", val: other(error) };
}

/** @throws {CasError} always. */
function refuse(cas: Cas): MaybePromise<never> {
  // What reading the value throws is an error of the store already.
  const next = mapFailure(
    () => cas.renew(),
    (error): CasError => ({ tag: "store-error", val: error as StoreError }),
  );
  return then(next, (val) => {
    throw { tag: "cas-failed", val } satisfies CasError;
  });
}

/** Unlike the original, names every key that was asked for, also the ones without a value. */
function getMany(
  { store }: Bucket,
  keys: string[],
): MaybePromise<[string, Uint8Array | undefined][]> {
  const values = mapFailure(
    () => store.getMany ? store.getMany(keys) : getEach(store, keys),
    other,
  );
  return then(values, (found) => keys.map((key, i) => [key, found[i]]));
}

async function getEach(
  store: KeyValueStore,
  keys: readonly string[],
): Promise<(Uint8Array | undefined)[]> {
  const values: (Uint8Array | undefined)[] = [];
  for (const key of keys) values.push(await store.get(key));
  return values;
}

function setMany({ store }: Bucket, entries: [string, Uint8Array][]): MaybePromise<void> {
  const copies = entries.map(([key, value]) => [key, value.slice()] as const);
  return mapFailure(() => {
    if (!store.setMany) throw new Error("set-many is not supported by this store");
    return store.setMany(copies);
  }, other);
}

function deleteMany({ store }: Bucket, keys: string[]): MaybePromise<void> {
  return mapFailure(() => {
    if (!store.deleteMany) throw new Error("delete-many is not supported by this store");
    return store.deleteMany(keys);
  }, other);
}
