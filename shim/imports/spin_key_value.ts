/**
 * `fermyon:spin/key-value` (v1, handle numbers), `fermyon:spin/key-value@2.0.0` (a resource) and
 * `spin:key-value@3.0.0` (the same, asynchronous).
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

/** The key-value interfaces of one component. */
export function createSpinKeyValue(component: ComponentContext): ImportObject {
  return {
    "fermyon:spin/key-value": createHandles(component),
    "fermyon:spin/key-value@2.0.0": { Store: createStoreClass(component) },
    "spin:key-value/key-value@3.0.0": { Store: createAsyncStoreClass(component) },
  };
}

/** @throws the variant case `access-denied` or `no-such-store`. */
function openStore(component: ComponentContext, label: string): KeyValueStore {
  if (!component.keyValueLabels.includes(label)) throw { tag: "access-denied" };
  const store = component.keyValueStore(label);
  if (!store) throw { tag: "no-such-store" };
  return store;
}

function other(error: unknown): { tag: "other"; val: string } {
  return { tag: "other", val: errorText(error) };
}

function createStoreClass(component: ComponentContext): unknown {
  return class Store {
    readonly #store: KeyValueStore;

    private constructor(store: KeyValueStore) {
      this.#store = store;
    }

    static open(label: string): Store {
      return new Store(openStore(component, label));
    }

    get(key: string): MaybePromise<Uint8Array | undefined> {
      return mapFailure(() => this.#store.get(key), other);
    }

    set(key: string, value: Uint8Array): MaybePromise<void> {
      // The argument is a view of guest memory, which changes when the write has to wait.
      const copy = value.slice();
      return mapFailure(() => this.#store.set(key, copy), other);
    }

    delete(key: string): MaybePromise<void> {
      return mapFailure(() => this.#store.delete(key), other);
    }

    exists(key: string): MaybePromise<boolean> {
      return mapFailure(() => this.#store.exists(key), other);
    }

    getKeys(): MaybePromise<string[]> {
      return mapFailure(() => this.#store.keys(), other);
    }
  };
}

/** The keys as a stream, and a future that says whether these are all. */
type KeysOfStore = [
  keys: readonly string[],
  end: Promise<{ tag: "ok"; val: undefined } | { tag: "err"; val: unknown }>,
];

function createAsyncStoreClass(component: ComponentContext): unknown {
  return class Store {
    readonly #store: KeyValueStore;

    private constructor(store: KeyValueStore) {
      this.#store = store;
    }

    static open(label: string): Store {
      return new Store(openStore(component, label));
    }

    get(key: string): MaybePromise<Uint8Array | undefined> {
      return mapFailure(() => this.#store.get(key), other);
    }

    set(key: string, value: Uint8Array): MaybePromise<void> {
      const copy = value.slice();
      return mapFailure(() => this.#store.set(key, copy), other);
    }

    delete(key: string): MaybePromise<void> {
      return mapFailure(() => this.#store.delete(key), other);
    }

    exists(key: string): MaybePromise<boolean> {
      return mapFailure(() => this.#store.exists(key), other);
    }

    async getKeys(): Promise<KeysOfStore> {
      try {
        return [await this.#store.keys(), Promise.resolve({ tag: "ok", val: undefined })];
      } catch (error) {
        return [[], Promise.resolve({ tag: "err", val: other(error) })];
      }
    }
  };
}

function io(error: unknown): unknown {
  return error === NO_SUCH_KEY ? error : { tag: "io", val: errorText(error) };
}

const NO_SUCH_KEY = Object.freeze({ tag: "no-such-key" });

/**
 * The v1 functions. A handle is the index of the label in the component's list, so that nothing has
 * to be kept per instance: stores hold no state of their own, and closing one has no effect.
 */
function createHandles(component: ComponentContext): Record<string, unknown> {
  function storeOf(handle: number): KeyValueStore {
    const label = component.keyValueLabels[handle];
    if (label === undefined) throw { tag: "invalid-store" };
    return openStore(component, label);
  }

  function requireValue(value: Uint8Array | undefined): Uint8Array {
    if (!value) throw NO_SUCH_KEY;
    return value;
  }

  return {
    open(label: string): number {
      openStore(component, label);
      return component.keyValueLabels.indexOf(label);
    },
    close(_handle: number): void {},
    get(handle: number, key: string): MaybePromise<Uint8Array> {
      const store = storeOf(handle);
      return mapFailure(() => {
        const value = store.get(key);
        return value instanceof Promise ? value.then(requireValue) : requireValue(value);
      }, io);
    },
    set(handle: number, key: string, value: Uint8Array): MaybePromise<void> {
      const store = storeOf(handle);
      const copy = value.slice();
      return mapFailure(() => store.set(key, copy), io);
    },
    delete(handle: number, key: string): MaybePromise<void> {
      const store = storeOf(handle);
      return mapFailure(() => store.delete(key), io);
    },
    exists(handle: number, key: string): MaybePromise<boolean> {
      const store = storeOf(handle);
      return mapFailure(() => store.exists(key), io);
    },
    getKeys(handle: number): MaybePromise<string[]> {
      const store = storeOf(handle);
      return mapFailure(() => store.keys(), io);
    },
  };
}
