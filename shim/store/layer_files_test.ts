import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { digestOf, tar, type TarEntry } from "../../tests/support/oci_layout.ts";
import { seededRandom } from "../../tests/support/seeded_random.ts";
import { MEDIA_TYPES } from "../../crds/contract.ts";
import { TerminalError } from "../../lib/errors.ts";
import type { OciDescriptor } from "../loader/oci_image.ts";
import { type UnpackLimits, wantedDigests, writeLayers } from "./layer_files.ts";

interface Layer extends OciDescriptor {
  readonly data: Uint8Array;
}

function layer(mediaType: string, data: Uint8Array): Layer {
  return { mediaType, data, digest: digestOf(data), size: data.length };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function archive(entries: readonly TarEntry[]): Layer {
  return layer(MEDIA_TYPES.archive, gzipSync(tar(entries)));
}

/** Writes layers into a directory that is gone afterwards. */
async function write<T>(
  layers: readonly Layer[],
  { wanted, limits, use }: {
    wanted: readonly string[];
    limits?: UnpackLimits;
    use: (find: (digest: string) => string | undefined, directory: string) => T;
  },
): Promise<T> {
  const directory = await Deno.makeTempDir();
  try {
    const find = await writeLayers({
      reference: "example.test/app:1",
      async *read({ digest }) {
        await Promise.resolve();
        const { data } = layers.find((layer) => layer.digest === digest)!;
        for (let at = 0; at < data.length; at += 1000) yield data.subarray(at, at + 1000);
      },
    }, {
      layers,
      directory,
      wanted: new Set(wanted.map((text) => digestOf(bytes(text)))),
      ...(limits ? { limits } : {}),
    });
    return use(find, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function readFound(find: (digest: string) => string | undefined, text: string): string {
  return Deno.readTextFileSync(find(digestOf(bytes(text)))!);
}

Deno.test("writeLayers() finds layers by digest, and files of archives by their content", async () => {
  const long = "x".repeat(70_000);
  await write([
    layer(MEDIA_TYPES.wasm, bytes("wasm")),
    layer(MEDIA_TYPES.data, bytes("data")),
    archive([
      { path: "a/b.txt", data: bytes("in the archive") },
      { path: "long", data: bytes(long) },
      { path: "empty", data: bytes("") },
      { path: "unwanted", data: bytes("unwanted") },
    ]),
  ], {
    wanted: ["wasm", "data", "in the archive", long, ""],
    use(find, directory) {
      for (const text of ["wasm", "data", "in the archive", long, ""]) {
        assert.equal(readFound(find, text), text);
      }
      assert.equal(find(digestOf(bytes("unwanted"))), undefined);
      // Three layers, and three files of the archive.
      assert.equal([...Deno.readDirSync(directory)].length, 6);
    },
  });
});

Deno.test("writeLayers() takes nothing but the content of an archive's regular files", async () => {
  const entries = [
    { path: "../../outside", data: bytes("outside") },
    { path: "/etc/absolute", data: bytes("absolute") },
    { path: "link", link: "/etc/passwd" },
    { path: "up", link: "../.." },
  ];
  await write([archive(entries)], {
    wanted: ["outside", "absolute"],
    use(find, directory) {
      assert.equal(readFound(find, "outside"), "outside");
      assert.equal(readFound(find, "absolute"), "absolute");
      const names = [...Deno.readDirSync(directory)];
      assert.ok(names.every(({ name, isFile }) => isFile && /^[0-9a-f]{64}$/.test(name)));
      assert.equal(names.length, 3);
    },
  });
});

const tooMuch = archive([{ path: "zeros", data: new Uint8Array(3_000_000) }]);
const tooMany = archive(Array.from({ length: 20 }, (_, i) => ({ path: `f${i}`, data: bytes("") })));
const cut = gzipSync(tar([{ path: "a", data: bytes("a".repeat(5000)) }]));

const BAD_LAYERS: readonly [what: string, Layer, message: RegExp][] = [
  ["unpacks to too many bytes", tooMuch, /unpacks to more than the 1000000 bytes or 10 entries/],
  ["has too many entries", tooMany, /unpacks to more than/],
  ["is cut off", layer(MEDIA_TYPES.archive, cut.subarray(0, -20)), /cannot be unpacked/],
  ["is no gzip", layer(MEDIA_TYPES.archive, bytes("no gzip")), /cannot be unpacked/],
  [
    "is no archive",
    layer(MEDIA_TYPES.archive, gzipSync(bytes("no archive ".repeat(100)))),
    /cannot be unpacked/,
  ],
  [
    "has other bytes than its digest",
    { ...layer(MEDIA_TYPES.wasm, bytes("other")), digest: digestOf(bytes("wasm")) },
    /The layer sha256:[0-9a-f]+ of image "example\.test\/app:1" is damaged/,
  ],
];

for (const [what, bad, message] of BAD_LAYERS) {
  Deno.test(`writeLayers() refuses a layer that ${what}`, async () => {
    const limits = { bytes: 1_000_000, entries: 10 };
    await assert.rejects(
      write([bad], { wanted: [], limits, use: () => {} }),
      (error: unknown) => error instanceof TerminalError && message.test(error.message),
    );
  });
}

Deno.test("writeLayers() counts the archives of an app together", async () => {
  const entries = (name: string) => [{ path: name, data: new Uint8Array(400_000) }];
  const layers = [archive(entries("a")), archive(entries("b")), archive(entries("c"))];
  await assert.rejects(
    write(layers, { wanted: [], limits: { bytes: 1_000_000, entries: 10 }, use: () => {} }),
    /unpacks to more than/,
  );
});

Deno.test("writeLayers() refuses spoiled archives, or takes what is still whole", async () => {
  const random = seededRandom();
  const files = ["a", "b".repeat(700), "c".repeat(2000)];
  const text = tar(files.map((data, index) => ({ path: `f${index}`, data: bytes(data) })));
  for (let round = 0; round < 60; round++) {
    const spoiled = text.slice();
    // Most of it is padding; what counts is in the headers.
    for (let change = random.below(3); change >= 0; change--) {
      spoiled[random.below(4) * 512 + random.below(160)] = random.below(256);
    }
    try {
      await write([layer(MEDIA_TYPES.archive, gzipSync(spoiled))], {
        wanted: files,
        limits: { bytes: 100_000, entries: 100 },
        use(find) {
          for (const file of files) {
            const path = find(digestOf(bytes(file)));
            if (path) assert.equal(Deno.readTextFileSync(path), file);
          }
        },
      });
    } catch (error) {
      assert.ok(error instanceof TerminalError, `seed ${random.seed}: ${error}`);
    }
  }
});

Deno.test("wantedDigests() finds sources, files, dependencies and middleware", () => {
  const source = (digest: string) => ({ content_type: "application/wasm", digest });
  const wanted = wantedDigests({
    spin_lock_version: 0,
    metadata: {},
    triggers: [],
    components: [{
      id: "c",
      source: source("1"),
      files: [{ path: "a", digest: "2" }, { path: "b", inline: "" }],
      dependencies: { d: { source: source("3"), export: null } },
      trigger_dependencies: { middleware: [{ source: source("4"), export: null }] },
    }],
  });
  assert.deepEqual([...wanted].sort(), ["1", "2", "3", "4"]);
});
