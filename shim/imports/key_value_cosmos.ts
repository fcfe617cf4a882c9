/**
 * A key-value store in a container of Azure Cosmos DB (API for NoSQL) whose partition key is `/id`:
 * documents `{id: key, value: [byte, …]}`, and `{id: key, value: number}` for counters. Spin reads
 * and writes the same.
 *
 * The requests are made by hand, and signed by the engine's own HMAC: Azure's client is 12 MB of
 * modules, and spends its start on the account's regions.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createAzureTokens } from "./_azure_tokens.ts";
import { MAX_RESULT_BYTES, resultTooLarge } from "./_result_limit.ts";
import {
  createServiceClient,
  type Fetch,
  parseJsonObject,
  pause,
  type ServiceResponse,
} from "./_service_client.ts";
import type { CosmosStoreConfig } from "./_store_config.ts";
import type { FullKeyValueStore } from "./key_value_stores.ts";

/** Options of {@link createCosmosKeyValueStore}; the defaults are for production. */
export interface CosmosKeyValueOptions {
  /** The process environment, for an identity. */
  readonly environment: (name: string) => string | undefined;
  /** Milliseconds for each request. Default: 10 s. */
  readonly timeoutMs?: number;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

/** A document as it is kept. */
interface Document {
  readonly value?: unknown;
  readonly _etag?: unknown;
}

const API_VERSION = "2020-07-15";

/** Times that a request which came too fast, or lost a race, is tried again. */
const MAX_RETRIES = 5;

/** Documents that are read, written or deleted at once. */
const CONCURRENCY = 16;

/** Characters that no id of a document may have. */
const ILLEGAL = /[/\\?#]/;

/** Numbers are doubles in this database: beyond, they are not exact. */
const MAX_COUNTER = BigInt(Number.MAX_SAFE_INTEGER);

interface DocumentRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** The document; undefined: the container. */
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

type Send = (request: DocumentRequest) => Promise<ServiceResponse>;

/**
 * Creates the store. It keeps no connection of its own. Each document is a partition, so that there
 * are no transactions over several. A key must not have one of the characters `/ \ ? #` in it; what
 * the database refuses (an empty key, 2 MB) is an error with its text, and `too many requests` when
 * the container's throughput is used up.
 */
export function createCosmosKeyValueStore(
  config: CosmosStoreConfig,
  options: CosmosKeyValueOptions,
): FullKeyValueStore {
  const send = createSender(config, options);
  const store = {
    async get(key: string): Promise<Uint8Array | undefined> {
      const document = await read(send, key);
      return document && toBytes(document.value);
    },
    async set(key: string, value: Uint8Array): Promise<void> {
      checkKey(key);
      const headers = { "x-ms-documentdb-is-upsert": "True" };
      expect(await create(send, { key, value: [...value], headers }), [200, 201]);
    },
    async delete(key: string): Promise<void> {
      if (!isNameable(key)) return;
      expect(await send({ method: "DELETE", id: key }), [204, 404]);
    },
    exists: async (key: string) => await read(send, key) !== undefined,
  };
  return {
    ...store,
    keys: () => queryKeys(send),
    async getMany(keys) {
      let size = 0;
      return await mapSome(keys, async (key) => {
        const value = await store.get(key);
        size += value?.length ?? 0;
        if (size > MAX_RESULT_BYTES) throw resultTooLarge();
        return value;
      });
    },
    async setMany(entries) {
      const last = new Map(entries);
      // All or none where that can be known before.
      for (const key of last.keys()) checkKey(key);
      await mapSome([...last], ([key, value]) => store.set(key, value));
    },
    async deleteMany(keys) {
      await mapSome([...new Set(keys)], (key) => store.delete(key));
    },
    increment: (key, delta) => increment(send, { key, delta }),
    compareAndSwap: (key, change) => compareAndSwap(send, { key, ...change }),
    close() {},
  };
}

/** @throws {Error} in Spin's words. */
function checkKey(key: string): void {
  if (!ILLEGAL.test(key)) return;
  throw new Error(
    "Key contains an illegal character. Keys must not include any of: /\\?#",
  );
}

/** Whether there can be a document: asking for another would ask for something else. */
function isNameable(key: string): boolean {
  return key !== "" && !ILLEGAL.test(key);
}

async function read(send: Send, key: string): Promise<Document | undefined> {
  if (!isNameable(key)) return undefined;
  const response = expect(await send({ method: "GET", id: key }), [200, 404]);
  return response.status === 404 ? undefined : parseDocument(response);
}

function parseDocument({ text }: ServiceResponse): Document {
  const document = parseJsonObject(text);
  if (document.value === undefined) throw new Error("Cosmos DB sent a document without a value");
  return document;
}

async function create(
  send: Send,
  { key, value, headers }: { key: string; value: unknown; headers?: Record<string, string> },
): Promise<ServiceResponse> {
  return await send({
    method: "POST",
    headers: { ...partition(key), ...headers },
    body: { id: key, value },
  });
}

/** The bytes of a value; a number's are its digits, as in Redis. */
function toBytes(value: unknown): Uint8Array {
  if (Number.isSafeInteger(value)) return new TextEncoder().encode(String(value));
  const isBytes = Array.isArray(value) &&
    value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255);
  if (!isBytes) throw new Error("Cosmos DB has a value that is neither bytes nor a number");
  return Uint8Array.from(value);
}

async function increment(
  send: Send,
  { key, delta }: { key: string; delta: bigint },
): Promise<bigint> {
  checkKey(key);
  if (delta > MAX_COUNTER || delta < -MAX_COUNTER) throw outOfRange(key);
  for (let attempt = 0; attempt <= MAX_RETRIES; attempt++) {
    const document = await read(send, key);
    if (!document) {
      const created = await create(send, { key, value: Number(delta) });
      if (expect(created, [201, 409]).status === 201) return delta;
      continue;
    }
    if (!Number.isSafeInteger(document.value)) {
      throw new Error(
        `cannot increment "${key}": its value has been set as bytes, and is no number`,
      );
    }
    // The database could add by itself, but would round what is too large without a word.
    const sum = BigInt(document.value as number) + delta;
    if (sum > MAX_COUNTER || sum < -MAX_COUNTER) throw outOfRange(key);
    if (await replace(send, { key, value: Number(sum), document })) return sum;
    await pause(attempt);
  }
  throw new Error(`too many writers increment "${key}" at once`);
}

function outOfRange(key: string): Error {
  return new Error(`cannot increment "${key}": the sum is out of range`);
}

async function compareAndSwap(
  send: Send,
  { key, expected, value }: { key: string; expected: Uint8Array | undefined; value: Uint8Array },
): Promise<boolean> {
  checkKey(key);
  if (expected === undefined) {
    return expect(await create(send, { key, value: [...value] }), [201, 409]).status === 201;
  }
  for (let attempt = 0; attempt <= MAX_RETRIES; attempt++) {
    const document = await read(send, key);
    if (!document || Buffer.compare(toBytes(document.value), expected) !== 0) return false;
    if (await replace(send, { key, value: [...value], document })) return true;
    // Somebody else wrote meanwhile, perhaps the same value.
    await pause(attempt);
  }
  return false;
}

/** Replaces `document` if it is still as it was read. */
async function replace(
  send: Send,
  { key, value, document }: { key: string; value: unknown; document: Document },
): Promise<boolean> {
  const response = await send({
    method: "PUT",
    id: key,
    headers: { "if-match": String(document._etag) },
    body: { id: key, value },
  });
  // 404: deleted meanwhile.
  return expect(response, [200, 404, 412]).status === 200;
}

async function queryKeys(send: Send): Promise<string[]> {
  const keys: string[] = [];
  let size = 0;
  let continuation: string | null = null;
  do {
    const response: ServiceResponse = expect(
      await send({
        method: "POST",
        headers: {
          "content-type": "application/query+json",
          "x-ms-documentdb-isquery": "True",
          "x-ms-documentdb-query-enablecrosspartition": "True",
          "x-ms-max-item-count": "1000",
          ...(continuation === null ? {} : { "x-ms-continuation": continuation }),
        },
        body: { query: "SELECT c.id FROM c", parameters: [] },
      }),
      [200],
    );
    const { Documents } = parseJsonObject(response.text);
    if (!Array.isArray(Documents)) throw new Error("Cosmos DB sent no list of documents");
    for (const { id } of Documents) {
      keys.push(String(id));
      size += String(id).length;
      if (size > MAX_RESULT_BYTES) throw resultTooLarge();
    }
    continuation = response.headers.get("x-ms-continuation");
  } while (continuation !== null);
  return keys;
}

/** Maps all items, some at once, in order. After a failure no further ones are begun. */
async function mapSome<T, R>(
  items: readonly T[],
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let hasFailed = false;
  async function work(): Promise<void> {
    while (next < items.length && !hasFailed) {
      const i = next++;
      try {
        results[i] = await map(items[i]!);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  }
  const workers = Array.from({ length: Math.min(CONCURRENCY, items.length) }, work);
  // All have ended when the caller goes on.
  const outcomes = await Promise.allSettled(workers);
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure) throw failure.reason;
  return results;
}

/** @throws {Error} with what the database says, unless the status is one of `statuses`. */
function expect(response: ServiceResponse, statuses: readonly number[]): ServiceResponse {
  if (statuses.includes(response.status)) return response;
  const { code, message } = parseJsonObject(response.text);
  const reason = typeof code === "string" && typeof message === "string"
    // What follows are numbers for Microsoft's support.
    ? `${code}: ${message.split(/\r?\n/)[0]}`
    : `HTTP status ${response.status}`;
  throw new Error(`Cosmos DB: ${reason}`);
}

/** Partition keys are JSON, of which a header may only have the part that is ASCII. */
function partition(key: string): Record<string, string> {
  const json = JSON.stringify([key]).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return { "x-ms-documentdb-partitionkey": json };
}

function createSender(config: CosmosStoreConfig, options: CosmosKeyValueOptions): Send {
  const { account, database, container } = config;
  const origin = (config.endpoint ?? `https://${account}.documents.azure.com`).replace(/\/+$/, "");
  const client = createServiceClient({ ...options, what: "Cosmos DB account" });
  const authorize = createAuthorizer(config, { ...options, origin });
  const parent = `dbs/${database}/colls/${container}`;
  const path = `/dbs/${encodeURIComponent(database)}/colls/${encodeURIComponent(container)}/docs`;
  return async ({ method, id, headers = {}, body }) => {
    for (let attempt = 0;; attempt++) {
      const date = new Date().toUTCString();
      const resource = id === undefined ? parent : `${parent}/docs/${id}`;
      const response = await client.send(
        origin + path + (id === undefined ? "" : `/${encodeURIComponent(id)}`),
        {
          method,
          headers: {
            "accept": "application/json",
            "content-type": "application/json",
            "x-ms-version": API_VERSION,
            "x-ms-date": date,
            "authorization": await authorize({ method, resource, date }),
            ...(id === undefined ? {} : partition(id)),
            ...headers,
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        },
      );
      // 429: the throughput is used up. 449: two writers met.
      if (response.status !== 429 && response.status !== 449) return response;
      if (attempt >= MAX_RETRIES) throw new Error("too many requests");
      const atLeastMs = Number(response.headers.get("x-ms-retry-after-ms") ?? 0) || 0;
      await pause(attempt, { atLeastMs: Math.min(atLeastMs, 5_000) });
    }
  };
}

interface Signable {
  readonly method: string;
  readonly resource: string;
  readonly date: string;
}

/** Makes the value of the `authorization` header: a signature by the account's key, or a token. */
function createAuthorizer(
  config: CosmosStoreConfig,
  options: CosmosKeyValueOptions & { readonly origin: string },
): (request: Signable) => Promise<string> {
  const { key, authType, clientId } = config;
  if (key === undefined) {
    const tokens = createAzureTokens({
      ...options,
      resource: options.origin,
      ...(authType === undefined ? {} : { identity: authType }),
      ...(clientId === undefined ? {} : { clientId }),
    });
    return async () => encodeURIComponent(`type=aad&ver=1.0&sig=${await tokens()}`);
  }
  let imported: Promise<CryptoKey> | undefined;
  return async ({ method, resource, date }) => {
    imported ??= crypto.subtle.importKey(
      "raw",
      new Uint8Array(Buffer.from(key, "base64")),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"],
    );
    const text = `${method.toLowerCase()}\ndocs\n${resource}\n${date.toLowerCase()}\n\n`;
    const bytes = await crypto.subtle.sign("HMAC", await imported, new TextEncoder().encode(text));
    const signature = Buffer.from(bytes).toString("base64");
    return encodeURIComponent(`type=master&ver=1.0&sig=${signature}`);
  };
}
