/**
 * The key-value store behind a label. What is not a local file is loaded when it is first used.
 *
 * @module
 */

import type { KeyValueStore } from "./component_context.ts";
import { createSqliteKeyValueStore } from "./key_value_sqlite.ts";
import type { KeyValueStoreConfig, RemoteKeyValueConfig } from "./_store_config.ts";

/** A store with every operation, also the optional ones. Whoever made it closes it. */
export interface FullKeyValueStore extends Required<KeyValueStore> {
  /** Closes files and connections. Later calls may open them again. */
  close(): void;
}

/** What a store has to know. */
export interface KeyValueStoreOptions {
  readonly config: KeyValueStoreConfig;
  /** The store's label, which is a part of the keys in local files only. */
  readonly label: string;
  /** The process environment, for credentials that are not in the configuration. */
  readonly environment: (name: string) => string | undefined;
}

/** Creates a store; nothing is opened or asked before its first use. The caller closes it. */
export function createKeyValueStore(options: KeyValueStoreOptions): FullKeyValueStore {
  const { config, label, environment } = options;
  if (config.type === "spin") return createSqliteKeyValueStore({ ...config, label });
  return createLateStore(() => loadStore(config, environment));
}

async function loadStore(
  config: RemoteKeyValueConfig,
  environment: (name: string) => string | undefined,
): Promise<FullKeyValueStore> {
  switch (config.type) {
    case "redis":
      return (await import("./key_value_redis.ts")).createRedisKeyValueStore(config);
    case "azure_cosmos":
      return (await import("./key_value_cosmos.ts")).createCosmosKeyValueStore(config, {
        environment,
      });
    case "aws_dynamo":
      return (await import("./key_value_dynamo.ts")).createDynamoKeyValueStore(config, {
        environment,
      });
  }
}

function createLateStore(load: () => Promise<FullKeyValueStore>): FullKeyValueStore {
  let loading: Promise<FullKeyValueStore> | undefined;
  const store = () => loading ??= load();
  return {
    get: async (key) => await (await store()).get(key),
    set: async (key, value) => await (await store()).set(key, value),
    delete: async (key) => await (await store()).delete(key),
    exists: async (key) => await (await store()).exists(key),
    keys: async () => await (await store()).keys(),
    getMany: async (keys) => await (await store()).getMany(keys),
    setMany: async (entries) => await (await store()).setMany(entries),
    deleteMany: async (keys) => await (await store()).deleteMany(keys),
    increment: async (key, delta) => await (await store()).increment(key, delta),
    compareAndSwap: async (key, change) => await (await store()).compareAndSwap(key, change),
    close() {
      // A store that failed to load has told its users.
      loading?.then((loaded) => loaded.close(), () => {});
    },
  };
}
