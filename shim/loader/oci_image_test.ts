import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { seededRandom } from "../../tests/support/seeded_random.ts";
import { parseOciIndex, parseOciManifest, supportedLayers } from "./oci_image.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;
const CONFIG = { mediaType: "application/json", digest: DIGEST, size: 2 };

function manifest(parts: Record<string, unknown>): string {
  return JSON.stringify({ schemaVersion: 2, config: CONFIG, layers: [], ...parts });
}

Deno.test("parseOciManifest() reads what it needs, and ignores what it does not know", () => {
  const layer = { mediaType: "x/y", digest: DIGEST, size: 0, annotations: { a: "b" } };
  assert.deepEqual(parseOciManifest(manifest({ layers: [layer], more: 1 }), "image"), {
    config: CONFIG,
    layers: [{ mediaType: "x/y", digest: DIGEST, size: 0 }],
  });
});

const BAD_MANIFESTS: readonly [what: string, json: string, message: RegExp][] = [
  ["no JSON", "{", /The manifest of image "a" is no JSON/],
  ["a list", "[]", /is no JSON object/],
  ["an index", JSON.stringify({ manifests: [] }), /has no "layers"/],
  ["no configuration", manifest({ config: undefined }), /"config" .* is missing/],
  ["a layer that is none", manifest({ layers: [1] }), /layer 1 .* is missing/],
  ...["sha512:00", "sha256:../../etc", `sha256:${"A".repeat(64)}`, 7].map((
    digest,
  ): [string, string, RegExp] => [
    `the digest ${digest}`,
    manifest({ layers: [CONFIG, { ...CONFIG, digest }] }),
    /The digest of layer 2 .* only "sha256:"/,
  ]),
  ...[-1, 1.5, "1", 1e300].map((size): [string, string, RegExp] => [
    `the size ${size}`,
    manifest({ config: { ...CONFIG, size } }),
    /The size of "config" .* no number of bytes/,
  ]),
];

for (const [what, json, message] of BAD_MANIFESTS) {
  Deno.test(`parseOciManifest() refuses ${what}`, () => {
    assert.throws(
      () => parseOciManifest(json, 'image "a"'),
      (error: unknown) => error instanceof TerminalError && message.test(error.message),
    );
  });
}

Deno.test("parseOciIndex() keeps the platforms of those that have one", () => {
  const platform = { os: "wasip1", architecture: "wasm", variant: "x" };
  const json = JSON.stringify({ manifests: [{ ...CONFIG, platform }, CONFIG] });
  assert.deepEqual(parseOciIndex(json, "image").map(({ platform }) => platform), [
    { os: "wasip1", architecture: "wasm" },
    undefined,
  ]);
});

Deno.test("supportedLayers() keeps the order of the manifest", () => {
  const types = [
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.wasm.content.layer.v1+data",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.wasm.content.bundle.v1.tar+gzip",
    "application/wasm",
    "application/vnd.fermyon.spin.application.v1+config",
    "application/vnd.wasm.content.layer.v1+wasm; native",
  ];
  const layers = types.map((mediaType) => ({ ...CONFIG, mediaType }));
  assert.deepEqual(
    supportedLayers({ config: CONFIG, layers }).map(({ mediaType }) => mediaType),
    types.slice(1, 6),
  );
});

Deno.test("parseOciManifest() and parseOciIndex() refuse spoiled text, and nothing worse", () => {
  const random = seededRandom();
  const layers = [CONFIG, { ...CONFIG, mediaType: "application/wasm" }];
  const text = new TextEncoder().encode(manifest({ layers, manifests: layers }));
  for (let round = 0; round < 2000; round++) {
    const spoiled = text.slice(0, random.below(10) === 0 ? random.below(text.length) : text.length);
    for (let change = random.below(4); change >= 0; change--) {
      spoiled[random.below(spoiled.length + 1)] = random.below(128);
    }
    const json = new TextDecoder().decode(spoiled);
    for (const parse of [parseOciManifest, parseOciIndex]) {
      try {
        parse(json, "image");
      } catch (error) {
        assert.ok(error instanceof TerminalError, `seed ${random.seed}, ${json}: ${error}`);
      }
    }
  }
});
