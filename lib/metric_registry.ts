/**
 * Metrics of one process, for Prometheus: what the client library for Node does, without the modules
 * of Node that it brings, which are a tenth of the operator's memory.
 *
 * @module
 */

import { helpText, labelText, sampleLine } from "./metric_text.ts";

/** Values of labels by name. All that a family has must be there. */
export type Labels = Readonly<Record<string, string>>;

/** What a family is about. */
export interface FamilyInit {
  readonly help: string;
  /** Names of labels. Default: none, and the family has one number, which begins at 0. */
  readonly labels?: readonly string[];
}

/** A family of which the registry asks for the text. */
interface Family {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  lines(name: string): Iterable<string>;
}

/** All metrics. */
export class MetricRegistry {
  readonly #families = new Map<string, Family>();

  /** A number that only grows. */
  counter(name: string, init: FamilyInit): Pick<Numbers, "add"> {
    return this.#register(name, new Numbers("counter", init));
  }

  /** A number that goes up and down. */
  gauge(name: string, init: FamilyInit): Numbers {
    return this.#register(name, new Numbers("gauge", init));
  }

  /** @param init.buckets Upper bounds, growing. */
  histogram(name: string, init: FamilyInit & { buckets: readonly number[] }): Histogram {
    return this.#register(name, new Histogram(init));
  }

  /** Numbers that are looked up when somebody asks for the text. */
  computed(
    name: string,
    init: FamilyInit & {
      readonly type: "counter" | "gauge";
      readonly read: () => Iterable<readonly [Labels, number]>;
    },
  ): void {
    const { type, help, labels = [], read } = init;
    this.#register(name, {
      type,
      help,
      *lines(shown) {
        for (const [values, value] of read()) {
          yield sampleLine(shown, seriesOf(labels, values), value);
        }
      },
    });
  }

  /** All numbers, in the order in which their families were made. Families without any are left out. */
  text(): string {
    const lines: string[] = [];
    for (const [name, family] of this.#families) {
      const own = [...family.lines(name)];
      if (own.length === 0) continue;
      lines.push(
        `# HELP ${name} ${helpText(family.help)}`,
        `# TYPE ${name} ${family.type}`,
        ...own,
      );
    }
    return `${lines.join("\n")}\n`;
  }

  #register<T extends Family>(name: string, family: T): T {
    if (this.#families.has(name)) throw new Error(`There is a metric "${name}" already`);
    this.#families.set(name, family);
    return family;
  }
}

/** A number for each combination of labels. */
export class Numbers {
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly #labels: readonly string[];
  readonly #series = new Map<string, number>();

  constructor(type: "counter" | "gauge", { help, labels = [] }: FamilyInit) {
    this.type = type;
    this.help = help;
    this.#labels = labels;
    if (labels.length === 0) this.add({}, 0);
  }

  /** @param change Default: 1. With 0 the number is there from now on. */
  add(labels: Labels, change = 1): void {
    const key = seriesOf(this.#labels, labels);
    this.#series.set(key, (this.#series.get(key) ?? 0) + change);
  }

  set(labels: Labels, value: number): void {
    this.#series.set(seriesOf(this.#labels, labels), value);
  }

  *lines(name: string): Iterable<string> {
    for (const [key, value] of this.#series) yield sampleLine(name, key, value);
  }
}

/** Counts of observed values, by size, for each combination of labels. */
export class Histogram {
  readonly type = "histogram";
  readonly help: string;
  readonly #labels: readonly string[];
  readonly #buckets: readonly number[];
  readonly #series = new Map<string, { readonly counts: number[]; sum: number }>();

  constructor(
    { help, labels = [], buckets }: FamilyInit & { buckets: readonly number[] },
  ) {
    this.help = help;
    this.#labels = labels;
    this.#buckets = buckets;
  }

  observe(labels: Labels, value: number): void {
    const key = seriesOf(this.#labels, labels);
    let series = this.#series.get(key);
    if (!series) {
      series = { counts: new Array<number>(this.#buckets.length + 1).fill(0), sum: 0 };
      this.#series.set(key, series);
    }
    const found = this.#buckets.findIndex((bound) => value <= bound);
    series.counts[found < 0 ? this.#buckets.length : found]!++;
    series.sum += value;
  }

  *lines(name: string): Iterable<string> {
    for (const [key, { counts, sum }] of this.#series) {
      const prefix = key === "" ? "" : `${key},`;
      let count = 0;
      for (const [index, bound] of [...this.#buckets, "+Inf"].entries()) {
        count += counts[index]!;
        yield sampleLine(`${name}_bucket`, `${prefix}le="${bound}"`, count);
      }
      yield sampleLine(`${name}_sum`, key, sum);
      yield sampleLine(`${name}_count`, key, count);
    }
  }
}

function seriesOf(names: readonly string[], labels: Labels): string {
  return labelText(names.map((name) => [name, labels[name]!]));
}
