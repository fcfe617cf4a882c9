/**
 * Metrics of the host: counters that only grow.
 *
 * @module
 */

import { type Attributes, keyValues } from "./attributes.ts";
import type { MetricMessage } from "./otlp_messages.ts";
import { nowNanos } from "./time.ts";

interface Series {
  readonly attributes: Attributes;
  value: number;
}

/** `AGGREGATION_TEMPORALITY_CUMULATIVE` of the protocol. */
const CUMULATIVE = 2;

/** Counters by name, and by attributes. */
export class Counters {
  readonly #startNanos = nowNanos();
  readonly #series = new Map<string, Map<string, Series>>();

  /** Adds one. */
  add(name: string, attributes: Attributes): void {
    const series = this.#series.get(name) ?? new Map<string, Series>();
    this.#series.set(name, series);
    const key = JSON.stringify(attributes);
    const found = series.get(key);
    if (found) found.value++;
    else series.set(key, { attributes, value: 1 });
  }

  /** The counts so far. */
  collect(): MetricMessage[] {
    const timeUnixNano = nowNanos();
    return [...this.#series].map(([name, series]) => ({
      name,
      sum: {
        aggregationTemporality: CUMULATIVE,
        isMonotonic: true,
        dataPoints: [...series.values()].map(({ attributes, value }) => ({
          startTimeUnixNano: this.#startNanos,
          timeUnixNano,
          asInt: value,
          attributes: keyValues(attributes),
        })),
      },
    }));
  }
}
