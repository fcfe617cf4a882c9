/**
 * What becomes of configurations as they are found on nodes. `tests/fixtures/containerd_configs` has
 * them, and in `installed` what they have to be with our runtimes in them.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { editRuntimes, listRuntimes } from "./edit.ts";
import { isSameConfig, otherDifferences, parseConfig, runtimesOf } from "./effective.ts";
import { findRuntimes, originOf } from "./runtime_definitions.ts";
import { hasTemplates, scanToml } from "./toml_items.ts";

const CORPUS = fileURLToPath(new URL("../../tests/fixtures/containerd_configs/", import.meta.url));
const BIN = "/opt/rcm/bin";
const SHIM = `${BIN}/containerd-shim-spin-v2`;
const OPTIONS = { SystemdCgroup: "true" };
const SETTINGS = ["spin-v2", "spin"].map((name) => ({ name, runtimeType: SHIM, options: OPTIONS }));
const NAMES = SETTINGS.map(({ name }) => name);

/** Versions of the files that these are joined with. */
const VERSIONS: Readonly<Record<string, number>> = {
  "k0s_empty_drop_in.toml": 3,
  "k0s_kwasm_drop_in.toml": 2,
  "k3s_base.tmpl": 2,
  "k3s_base_nvidia.tmpl": 2,
  "k3s_v3_base.tmpl": 3,
};

interface Sample {
  readonly name: string;
  readonly text: string;
  readonly options: { readonly binDir: string; readonly version?: number | undefined };
}

async function readSamples(): Promise<Sample[]> {
  const samples: Sample[] = [];
  for await (const { name, isFile } of Deno.readDir(CORPUS)) {
    if (!isFile || name === "README.md") continue;
    const text = await Deno.readTextFile(join(CORPUS, name));
    samples.push({ name, text, options: { binDir: BIN, version: VERSIONS[name] } });
  }
  return samples.sort((a, b) => a.name < b.name ? -1 : 1);
}

function install({ text, options }: Sample): string {
  return editRuntimes(text, { set: SETTINGS, remove: [] }, options).text;
}

function uninstall(text: string, { options }: Sample): string {
  return editRuntimes(text, { set: [], remove: NAMES }, options).text;
}

/** Whether runtime-class-manager or kwasm has been at this node. */
function hasLeftovers({ text }: Sample): boolean {
  return findRuntimes(text, scanToml(text)).some((definition) =>
    NAMES.includes(definition.name) && originOf(definition, BIN) !== "foreign"
  );
}

const samples = await readSamples();

Deno.test("the corpus has fifty configurations and more", () => {
  assert.ok(samples.length >= 50, String(samples.length));
});

for (const sample of samples) {
  const { name, text, options } = sample;

  Deno.test(`${name}: the runtimes are added as expected`, async () => {
    assert.equal(install(sample), await Deno.readTextFile(join(CORPUS, "installed", name)));
  });

  Deno.test(`${name}: uninstalling restores every byte`, () => {
    const without = uninstall(install(sample), sample);
    if (!hasLeftovers(sample)) return assert.equal(without, text);
    assert.equal(without, uninstall(text, sample));
    // What the older installers wrote is gone, and nothing else.
    const left = findRuntimes(without, scanToml(without));
    assert.deepEqual(left.filter((runtime) => originOf(runtime, BIN) === "kwasm"), []);
    if (!hasTemplates(text)) {
      const [before, after] = [text, without].map((one) => parseConfig(one, name));
      assert.deepEqual(otherDifferences(before!, after!, { except: NAMES }), []);
    }
  });

  Deno.test(`${name}: installing twice is installing once`, () => {
    const once = install(sample);
    assert.equal(install({ ...sample, text: once }), once);
    assert.equal(uninstall(uninstall(once, sample), sample), uninstall(once, sample));
  });

  Deno.test(`${name}: the runtimes are what a parser finds, and nothing else changed`, () => {
    const after = install(sample);
    const isSpinForeign = listRuntimes(text, options).some((runtime) =>
      runtime.name === "spin" && originOf(runtime, BIN) === "foreign"
    );
    const expected = isSpinForeign ? ["spin-v2"] : NAMES;
    for (const handler of expected) {
      const found = listRuntimes(after, options).filter((runtime) => runtime.name === handler);
      assert.deepEqual(
        found.map(({ runtimeType, options }) => ({ runtimeType, options })),
        [{ runtimeType: SHIM, options: OPTIONS }],
        handler,
      );
    }
    if (hasTemplates(text)) return;
    const [old, parsed] = [text, after].map((one) => parseConfig(one, name));
    assert.deepEqual(otherDifferences(old!, parsed!, { except: expected }), []);
    assert.equal(runtimesOf(parsed!)["spin-v2"]?.runtime_type, SHIM);
    assert.equal(isSameConfig(text, after), false);
  });

  Deno.test(`${name}: the lines are the whole text`, () => {
    assert.equal(scanToml(text).map(({ start, end }) => text.slice(start, end)).join(""), text);
  });
}
