/**
 * Reads metrics in Prometheus' text format or OpenMetrics, as strictly as those who scrape them.
 *
 * @module
 */

import assert from "node:assert/strict";

/** One sample. */
export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a scrape gave. */
export class Metrics {
  readonly samples: readonly MetricSample[];
  /** Family → its type. */
  readonly types: ReadonlyMap<string, string>;

  /** @throws {AssertionError} if the text breaks a rule of its format. */
  constructor(text: string, options: { isOpenMetrics?: boolean } = {}) {
    const types = new Map<string, string>();
    const samples: MetricSample[] = [];
    const seen = new Set<string>();
    assert.ok(text.endsWith("\n"));
    const lines = text.slice(0, -1).split("\n");
    if (options.isOpenMetrics) assert.equal(lines.pop(), "# EOF");
    for (const line of lines) {
      const comment = /^# (HELP|TYPE|UNIT) (\w+) (.*)$/.exec(line);
      if (comment) {
        const [, kind, family = "", value = ""] = comment;
        if (kind === "TYPE") {
          assert.ok(!types.has(family), `a second type of ${family}`);
          types.set(family, value);
        }
        continue;
      }
      const sample = parseSample(line);
      assert.ok(!seen.has(line.slice(0, line.lastIndexOf(" "))), `twice: ${line}`);
      seen.add(line.slice(0, line.lastIndexOf(" ")));
      const family = [...types.keys()].at(-1) ?? "";
      assert.match(sample.name, new RegExp(`^${family}(?:_total|_bucket|_sum|_count)?$`), line);
      samples.push(sample);
    }
    this.samples = samples;
    this.types = types;
  }

  /** The sum of the samples of that name that have these labels. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.samples
      .filter((sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
      )
      .reduce((sum, { value }) => sum + value, 0);
  }
}

function parseSample(line: string): MetricSample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  assert.ok(match, `not a sample: ${line}`);
  const [, name = "", text = "", value] = match;
  const labels: Record<string, string> = {};
  for (
    const [pair, label = "", escaped = ""] of text.matchAll(
      /(\w+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/g,
    )
  ) {
    assert.ok(pair);
    labels[label] = escaped.replace(/\\(.)/g, (_, char) => char === "n" ? "\n" : char);
  }
  const length = [...text.matchAll(/(\w+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/g)]
    .reduce((sum, [pair]) => sum + pair.length, 0);
  assert.equal(length, text.length, `labels of ${line}`);
  assert.ok(!Number.isNaN(Number(value === "+Inf" ? "Infinity" : value)), line);
  return { name, labels, value: Number(value === "+Inf" ? "Infinity" : value) };
}
