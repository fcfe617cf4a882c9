/**
 * Kubernetes Events: what `kubectl describe` shows under an object.
 *
 * @module
 */

import type { KubeClient } from "./client.ts";
import { apiVersion, type KubeObject, type ResourceType } from "./types.ts";

/** Core `v1` Event. */
export interface KubeEvent extends KubeObject {
  involvedObject: Record<string, unknown>;
  reason: string;
  message: string;
  type: "Normal" | "Warning";
  /** RFC 3339. */
  firstTimestamp: string;
  lastTimestamp: string;
  count: number;
  source: { component: string };
}

/** The type of {@link KubeEvent}. */
export const EVENTS: ResourceType<KubeEvent> = {
  group: "",
  version: "v1",
  plural: "events",
  kind: "Event",
  isNamespaced: true,
};

/** What happened. */
export interface EventText {
  readonly type: "Normal" | "Warning";
  /** CamelCase, for programs. */
  readonly reason: string;
  readonly message: string;
}

/** Kubernetes refuses longer ones. */
const MAX_MESSAGE = 1024;
/** The same event within this time only raises the count of the first. */
const AGGREGATE_MS = 600_000;
/** Events that are remembered for that. */
const MAX_REMEMBERED = 1_000;
/** Events of one object at once, and how many more it may have per minute. */
const BURST = 25;
const REFILL_MS = 12_000;

interface Remembered {
  readonly name: string;
  readonly namespace: string;
  count: number;
  at: number;
}

/** Writes events. A lost one is no failure of the work: it is told to `onTrouble` only. */
export class EventRecorder {
  readonly #client: KubeClient;
  readonly #component: string;
  readonly #onTrouble: (error: unknown) => void;
  readonly #now: () => number;
  readonly #remembered = new Map<string, Remembered>();
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(
    client: KubeClient,
    options: { component: string; onTrouble: (error: unknown) => void; now?: () => number },
  ) {
    this.#client = client;
    this.#component = options.component;
    this.#onTrouble = options.onTrouble;
    this.#now = options.now ?? Date.now;
  }

  /** Records that something happened to an object. The same thing again raises its count. */
  async record<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    text: EventText,
  ): Promise<void> {
    const { uid = "", namespace = "default" } = object.metadata;
    const key = JSON.stringify([uid, text.type, text.reason, text.message]);
    const known = this.#remembered.get(key);
    const now = this.#now();
    try {
      if (known && now - known.at < AGGREGATE_MS) await this.#repeat(known, now);
      else if (this.#mayWrite(uid, now)) {
        await this.#create(type, object, { text, key, namespace, now });
      }
    } catch (error) {
      this.#remembered.delete(key);
      this.#onTrouble(error);
    }
  }

  async #create<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    { text, key, namespace, now }: {
      text: EventText;
      key: string;
      namespace: string;
      now: number;
    },
  ): Promise<void> {
    // Unique, and in the order of time, as client-go names them.
    const suffix = (BigInt(Math.round(now)) * 1_000_000n).toString(16) +
      Math.floor(Math.random() * 0x10000).toString(16);
    const name = `${object.metadata.name.slice(0, 200)}.${suffix}`;
    this.#remember(key, { name, namespace, count: 1, at: now });
    const time = seconds(now);
    const { uid, resourceVersion } = object.metadata;
    await this.#client.create(EVENTS, {
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: apiVersion(type),
        kind: type.kind,
        name: object.metadata.name,
        ...(object.metadata.namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      type: text.type,
      reason: text.reason,
      message: shorten(text.message),
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      source: { component: this.#component },
    });
  }

  async #repeat(known: Remembered, now: number): Promise<void> {
    known.count++;
    known.at = now;
    await this.#client.mergePatch(EVENTS, known, {
      patch: { count: known.count, lastTimestamp: seconds(now) },
    });
  }

  #remember(key: string, event: Remembered): void {
    if (this.#remembered.size >= MAX_REMEMBERED) {
      this.#remembered.delete(this.#remembered.keys().next().value!);
    }
    this.#remembered.set(key, event);
  }

  /** An object that has something to tell all the time may not flood the cluster. */
  #mayWrite(uid: string, now: number): boolean {
    const bucket = this.#buckets.get(uid) ?? { tokens: BURST, at: now };
    bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.at) / REFILL_MS);
    bucket.at = now;
    this.#buckets.delete(uid);
    this.#buckets.set(uid, bucket);
    if (this.#buckets.size > MAX_REMEMBERED) {
      this.#buckets.delete(this.#buckets.keys().next().value!);
    }
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }
}

function seconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

function shorten(message: string): string {
  return message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE - 1)}…`;
}
