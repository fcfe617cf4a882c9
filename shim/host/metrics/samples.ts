/**
 * Numbers of one isolate, and of several.
 *
 * @module
 */

import { BUCKETS, FAMILIES, type FamilyName } from "./families.ts";

/** A number; of a histogram the counts of its buckets (the last one without bound) and the sum. */
type Value = number | number[];

/** Family → values of its labels, in JSON → number. Can be posted to another isolate. */
export type Snapshot = { [K in FamilyName]?: Record<string, Value> };

/** Collects numbers. */
export class Samples {
  readonly #families: Snapshot = {};

  /** Adds to a counter or a gauge. */
  add(family: FamilyName, labels: readonly string[], amount = 1): void {
    const series = this.#families[family] ??= {};
    const key = JSON.stringify(labels);
    series[key] = (series[key] as number | undefined ?? 0) + amount;
  }

  /** Adds a value to a histogram. */
  observe(family: FamilyName, labels: readonly string[], value: number): void {
    const series = this.#families[family] ??= {};
    const numbers =
      (series[JSON.stringify(labels)] ??= Array(BUCKETS.length + 2).fill(0)) as number[];
    const bucket = BUCKETS.findIndex((bound) => value <= bound);
    const index = bucket < 0 ? BUCKETS.length : bucket;
    numbers[index] = numbers[index]! + 1;
    numbers[BUCKETS.length + 1] = numbers[BUCKETS.length + 1]! + value;
  }

  /** The numbers so far: a copy. */
  snapshot(): Snapshot {
    return structuredClone(this.#families);
  }
}

/** The sums of several snapshots. */
export function mergeSnapshots(snapshots: readonly Snapshot[]): Snapshot {
  const merged: Snapshot = {};
  for (const snapshot of snapshots) {
    for (
      const [family, series] of Object.entries(snapshot) as [FamilyName, Record<string, Value>][]
    ) {
      const target = merged[family] ??= {};
      for (const [labels, value] of Object.entries(series)) {
        target[labels] = sum(target[labels], value);
      }
    }
  }
  return merged;
}

/** What is left of an isolate that has ended: counts must not fall. */
export function withoutGauges(snapshot: Snapshot): Snapshot {
  return Object.fromEntries(
    Object.entries(snapshot).filter(([name]) => FAMILIES[name as FamilyName].type !== "gauge"),
  );
}

function sum(before: Value | undefined, value: Value): Value {
  if (before === undefined) return typeof value === "number" ? value : [...value];
  if (typeof value === "number") return (before as number) + value;
  return value.map((number, index) => (before as number[])[index]! + number);
}
