import assert from "node:assert/strict";
import type { FetchStrategy, ShimSpec } from "../../crds/shim.ts";
import { hashFor, makeNode, sampleShim, SETTINGS } from "./_fixtures.ts";
import { contentHash, contentOf, nodeHash } from "./content_hash.ts";

const SAMPLE = sampleShim();
const [ARM, X86] = SAMPLE.spec!.fetchStrategy.platforms!;

Deno.test("nodeHash() changes with what a node gets, and with nothing else", () => {
  const before = hashFor(SAMPLE, makeNode());
  const cases: [why: string, Partial<ShimSpec>, changes: boolean][] = [
    [
      "location",
      { fetchStrategy: { platforms: [ARM!, { ...X86!, location: "https://b" }] } },
      true,
    ],
    ["digest", { fetchStrategy: { platforms: [ARM!, { ...X86!, sha256: "c".repeat(64) }] } }, true],
    ["options", { containerdRuntimeOptions: { SystemdCgroup: "false" } }, true],
    ["no options", { containerdRuntimeOptions: null }, true],
    ["handler", { runtimeClass: { name: "wasmtime-spin-v2", handler: "spin" } }, true],
    ["bundled", { fetchStrategy: {} }, true],
    [
      "another platform",
      { fetchStrategy: { platforms: [{ ...ARM!, location: "https://b" }, X86!] } },
      false,
    ],
    [
      "case of a digest",
      { fetchStrategy: { platforms: [{ ...X86!, sha256: "B".repeat(64) }] } },
      false,
    ],
    ["credentials", { fetchStrategy: { platforms: [X86!], pullSecret: "login" } }, false],
    ["name of the class", { runtimeClass: { name: "other", handler: "spin-v2" } }, false],
    ["selector", { nodeSelector: { other: "true" } }, false],
    ["strategy", { rolloutStrategy: { type: "rolling" } }, false],
  ];
  for (const [why, spec, changes] of cases) {
    assert.equal(hashFor(sampleShim(spec), makeNode()) !== before, changes, why);
  }
});

Deno.test("nodeHash() counts the installer's image only if the shim is in it", () => {
  const node = { name: "n", os: "linux", arch: "amd64" };
  const cases: [FetchStrategy, boolean][] = [[{}, true], [{ platforms: [X86!] }, false]];
  for (const [fetchStrategy, changes] of cases) {
    const content = contentOf(sampleShim({ fetchStrategy }));
    const a = nodeHash(content, { node, installerImage: SETTINGS.installerImage });
    const b = nodeHash(content, { node, installerImage: "registry.example/spinkube:next" });
    assert.equal(a !== b, changes);
  }
});

Deno.test("contentHash() does not depend on the order of options", () => {
  const content = contentOf(SAMPLE);
  const options = (entries: [string, string][]) =>
    contentHash({ ...content, containerdRuntimeOptions: Object.fromEntries(entries) });
  assert.equal(options([["a", "1"], ["b", "2"]]), options([["b", "2"], ["a", "1"]]));
  assert.notEqual(options([["a", "1"]]), options([["a", "2"]]));
});
