/**
 * A key-value store in a table of Amazon DynamoDB: items `{PK: key, VAL: bytes}`, and `VER`, a number
 * that grows with every swap. Spin reads and writes the same.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { AwsError, createAwsCaller } from "./_aws_json.ts";
import { MAX_RESULT_BYTES, resultTooLarge } from "./_result_limit.ts";
import { type Fetch, pause } from "./_service_client.ts";
import type { DynamoStoreConfig } from "./_store_config.ts";
import type { FullKeyValueStore } from "./key_value_stores.ts";

/** Options of {@link createDynamoKeyValueStore}; the defaults are for production. */
export interface DynamoKeyValueOptions {
  /** The process environment: credentials, and `AWS_ENDPOINT_URL[_DYNAMODB]`. */
  readonly environment: (name: string) => string | undefined;
  /** Milliseconds for each request. Default: 10 s. */
  readonly timeoutMs?: number;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

/** A value of an attribute: text, number or Base64. */
type Attribute = { readonly S: string } | { readonly N: string } | { readonly B: string };

/** An item, as far as it was asked for. */
interface Item {
  readonly PK?: { readonly S?: string };
  readonly VAL?: { readonly B?: string; readonly N?: string };
}

/** Most keys of one request that reads, and of one that writes. */
const READ_BATCH = 100;
const WRITE_BATCH = 25;

/** Times that a request, or what the server left out of a batch, is tried again. */
const MAX_RETRIES = 5;

/** Refusals that pass. */
const THROTTLED = new Set([
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "ThrottlingException",
]);
const CONDITION_FAILED = "ConditionalCheckFailedException";
/** Somebody else writes the item in this moment; trying again helps. */
const CONFLICT = "TransactionConflictException";

/** Sends one request. @throws {AwsError} if it is refused. */
type Call = (operation: string, input: Record<string, unknown>) => Promise<Record<string, unknown>>;

/**
 * Creates the store. It keeps no connection of its own. DynamoDB holds items of up to 400 KB and no
 * empty key; what it refuses is an error with its text, and `too many requests` when the table's
 * throughput is used up.
 */
export function createDynamoKeyValueStore(
  config: DynamoStoreConfig,
  options: DynamoKeyValueOptions,
): FullKeyValueStore {
  const call = createCaller(config, options);
  const { table: TableName, consistentRead: ConsistentRead } = config;
  const keyOf = (key: string) => ({ PK: { S: key } });
  const getItem = async (key: string, attribute: "PK" | "VAL", isConsistent = ConsistentRead) => {
    const { Item } = await call("GetItem", {
      TableName,
      Key: keyOf(key),
      ConsistentRead: isConsistent,
      ProjectionExpression: attribute,
    });
    return Item as Item | undefined;
  };
  const write = (requests: readonly unknown[]) => writeBatches(call, { TableName, requests });
  const swap = (key: string, change: Change) =>
    isApplied(call("UpdateItem", { TableName, Key: keyOf(key), ...toUpdate(change) }));
  return {
    get: async (key) => toBytes(await getItem(key, "VAL")),
    async set(key, value) {
      await call("PutItem", { TableName, Item: { ...keyOf(key), VAL: binary(value) } });
    },
    async delete(key) {
      await call("DeleteItem", { TableName, Key: keyOf(key) });
    },
    exists: async (key) => (await getItem(key, "PK"))?.PK !== undefined,
    keys: () => scanKeys(call, { TableName, ConsistentRead }),
    getMany: (keys) => readBatches(call, { TableName, ConsistentRead, keys }),
    setMany: (entries) =>
      // The last of a key wins; a batch with the same key twice is refused.
      write([...new Map(entries)].map(([key, value]) => ({
        PutRequest: { Item: { ...keyOf(key), VAL: binary(value) } },
      }))),
    deleteMany: (keys) =>
      write([...new Set(keys)].map((key) => ({ DeleteRequest: { Key: keyOf(key) } }))),
    async increment(key, delta) {
      for (let attempt = 0;; attempt++) {
        const old = (await getItem(key, "VAL", true))?.VAL;
        const sum = addToDigits(old && decode(old), { key, delta });
        const value = new TextEncoder().encode(String(sum));
        if (await swap(key, { expected: old as Attribute | undefined, value })) return sum;
        if (attempt >= MAX_RETRIES) throw new Error(`too many writers increment "${key}" at once`);
        await pause(attempt);
      }
    },
    async compareAndSwap(key, { expected, value }) {
      if (await swap(key, { expected: expected && binary(expected), value })) return true;
      // A number that other programs wrote is read as its digits, and found by its number.
      const digits = expected && new TextDecoder().decode(expected);
      if (digits === undefined || !/^-?\d{1,19}$/.test(digits)) return false;
      return await swap(key, { expected: { N: digits }, value });
    },
    close() {},
  };
}

function binary(value: Uint8Array): { readonly B: string } {
  return { B: Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64") };
}

/** The bytes of a value; a number's are its digits. */
function decode({ B, N }: NonNullable<Item["VAL"]>): Uint8Array | undefined {
  if (B !== undefined) return new Uint8Array(Buffer.from(B, "base64"));
  return N === undefined ? undefined : new TextEncoder().encode(N);
}

function toBytes(item: Item | undefined): Uint8Array | undefined {
  return item?.VAL && decode(item.VAL);
}

/**
 * The number in `current` (undefined: 0) plus `delta`. Spin keeps the numbers of this store as
 * decimal digits.
 */
function addToDigits(
  current: Uint8Array | undefined,
  { key, delta }: { key: string; delta: bigint },
): bigint {
  const digits = current ? new TextDecoder().decode(current) : "0";
  if (!/^[+-]?\d{1,19}$/.test(digits)) {
    throw new Error(`cannot increment "${key}": its value is not an integer or out of range`);
  }
  const sum = BigInt(digits.replace("+", "")) + delta;
  if (BigInt.asIntN(64, sum) !== sum) {
    throw new Error(`cannot increment "${key}": the sum is out of range`);
  }
  return sum;
}

interface Change {
  /** The value there has to be; undefined: none. */
  readonly expected: Attribute | undefined;
  readonly value: Uint8Array;
}

function toUpdate({ expected, value }: Change): Record<string, unknown> {
  return {
    // Spin compares versions where there are some.
    UpdateExpression: "SET #VAL = :val ADD #VER :increment",
    ConditionExpression: expected ? "#VAL = :old_val" : "attribute_not_exists (#VAL)",
    ExpressionAttributeNames: { "#VAL": "VAL", "#VER": "VER" },
    ExpressionAttributeValues: {
      ":val": binary(value),
      ":increment": { N: "1" },
      ...(expected ? { ":old_val": expected } : {}),
    },
  };
}

async function isApplied(update: Promise<unknown>): Promise<boolean> {
  try {
    await update;
    return true;
  } catch (error) {
    if (error instanceof AwsError && error.code === CONDITION_FAILED) return false;
    throw error;
  }
}

async function scanKeys(
  call: Call,
  { TableName, ConsistentRead }: { TableName: string; ConsistentRead: boolean },
): Promise<string[]> {
  const keys: string[] = [];
  let size = 0;
  let start: unknown;
  do {
    const page = await call("Scan", {
      TableName,
      ConsistentRead,
      ProjectionExpression: "PK",
      ...(start === undefined ? {} : { ExclusiveStartKey: start }),
    });
    for (const { PK } of page.Items as Item[] ?? []) {
      if (PK?.S === undefined) continue;
      keys.push(PK.S);
      size += PK.S.length;
      if (size > MAX_RESULT_BYTES) throw resultTooLarge();
    }
    start = page.LastEvaluatedKey;
  } while (start !== undefined);
  return keys;
}

interface Reads {
  readonly TableName: string;
  readonly ConsistentRead: boolean;
  readonly keys: readonly string[];
}

async function readBatches(call: Call, reads: Reads): Promise<(Uint8Array | undefined)[]> {
  const { TableName, ConsistentRead, keys } = reads;
  const found = new Map<string, Uint8Array | undefined>();
  let size = 0;
  await inBatches([...new Set(keys)].map((key) => ({ PK: { S: key } })), {
    maxItems: READ_BATCH,
    async send(Keys) {
      const request = { Keys, ConsistentRead, ProjectionExpression: "PK,VAL" };
      const answer = await call("BatchGetItem", { RequestItems: { [TableName]: request } });
      for (const item of tableOf<Item[]>(answer.Responses, TableName) ?? []) {
        const value = toBytes(item);
        found.set(item.PK!.S!, value);
        size += value?.length ?? 0;
        if (size > MAX_RESULT_BYTES) throw resultTooLarge();
      }
      return tableOf<{ Keys: typeof Keys }>(answer.UnprocessedKeys, TableName)?.Keys ?? [];
    },
  });
  return keys.map((key) => found.get(key));
}

async function writeBatches(
  call: Call,
  { TableName, requests }: { TableName: string; requests: readonly unknown[] },
): Promise<void> {
  await inBatches(requests, {
    maxItems: WRITE_BATCH,
    async send(batch) {
      const answer = await call("BatchWriteItem", { RequestItems: { [TableName]: batch } });
      return tableOf<unknown[]>(answer.UnprocessedItems, TableName) ?? [];
    },
  });
}

function tableOf<T>(tables: unknown, name: string): T | undefined {
  return (tables as Record<string, T> | undefined)?.[name];
}

/** Sends all items, as many at once as may be; what was not processed goes into the next batch. */
async function inBatches<T>(
  items: readonly T[],
  { maxItems, send }: { maxItems: number; send: (batch: T[]) => Promise<T[]> },
): Promise<void> {
  const waiting = [...items];
  let attempt = 0;
  while (waiting.length > 0) {
    const batch = waiting.splice(0, maxItems);
    const left = await send(batch);
    waiting.unshift(...left);
    if (left.length === 0) continue;
    attempt = left.length < batch.length ? 0 : attempt + 1;
    if (attempt > MAX_RETRIES) throw new Error("too many requests");
    await pause(attempt);
  }
}

function createCaller(config: DynamoStoreConfig, options: DynamoKeyValueOptions): Call {
  const { region, credentials } = config;
  const { environment } = options;
  const callOnce = createAwsCaller({
    ...options,
    what: "DynamoDB",
    service: "dynamodb",
    target: "DynamoDB_20120810",
    url: environment("AWS_ENDPOINT_URL_DYNAMODB") || environment("AWS_ENDPOINT_URL") ||
      `https://dynamodb.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}/`,
    region,
    credentials,
  });
  return async (operation, input) => {
    for (let attempt = 0;; attempt++) {
      try {
        return await callOnce(operation, input);
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        const isThrottled = THROTTLED.has(error.code);
        if (!isThrottled && error.code !== CONFLICT) throw error;
        if (attempt >= MAX_RETRIES) {
          throw isThrottled ? new Error("too many requests", { cause: error }) : error;
        }
        await pause(attempt);
      }
    }
  };
}
