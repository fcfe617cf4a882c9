import assert from "node:assert/strict";
import { MEDIA_TYPES } from "../../crds/contract.ts";
import { TerminalError } from "../../lib/errors.ts";
import { ContainerdDouble, type KnownNamespace } from "../../tests/support/containerd_double.ts";
import { type Blob, digestOf, jsonBlob } from "../../tests/support/oci_layout.ts";
import { ContainerdClient } from "./containerd_client.ts";
import { type ImageContent, readImage } from "./image_content.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const WASM: Blob = { mediaType: MEDIA_TYPES.wasm, data: new TextEncoder().encode("wasm") };

function put(known: KnownNamespace, { mediaType, data }: Blob) {
  const digest = digestOf(data);
  known.content.set(digest, data);
  return { mediaType, digest, size: data.length };
}

/** Puts an image's parts into the content store. @returns Its manifest's descriptor. */
function putImage(
  known: KnownNamespace,
  { config = { architecture: "wasm" }, layers = [WASM] }: { config?: unknown; layers?: Blob[] },
) {
  return put(
    known,
    jsonBlob(MANIFEST, {
      config: put(known, jsonBlob("application/json", config)),
      layers: layers.map((layer) => put(known, layer)),
    }),
  );
}

type Target = ReturnType<typeof put>;

async function withImage(
  make: (known: KnownNamespace) => Target,
  use: (
    read: () => Promise<ImageContent | undefined>,
    known: KnownNamespace,
    calls: string[],
  ) => Promise<void>,
): Promise<void> {
  await using containerd = new ContainerdDouble();
  const known = containerd.namespace("ns");
  const target = make(known);
  using client = new ContainerdClient(containerd.socket, { namespace: "ns" });
  const read = () => readImage(client, { name: "example.test/app:1", target });
  await use(read, known, containerd.calls);
}

const KINDS: readonly [what: string, isSpin: boolean, make: (known: KnownNamespace) => Target][] = [
  ["an artifact", true, (known) => putImage(known, {})],
  [
    "an old one, whose configuration is the locked app",
    true,
    (known) => putImage(known, { config: { spin_lock_version: 0 } }),
  ],
  [
    "one for Linux with a layer of Wasm",
    false,
    (known) => putImage(known, { config: { architecture: "amd64" } }),
  ],
  ["one for Wasm with layers of files", false, (known) =>
    putImage(known, {
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", data: WASM.data }],
    })],
  ["one with a configuration that is no JSON", false, (known) => {
    const config = put(known, { mediaType: "x/y", data: WASM.data });
    return put(known, jsonBlob(MANIFEST, { config, layers: [put(known, WASM)] }));
  }],
  ["something unknown", false, (known) => put(known, jsonBlob("x/y", {}))],
  ["an index with one of Wasm after one of this machine", true, (known) =>
    put(
      known,
      jsonBlob(INDEX, {
        manifests: [
          {
            ...putImage(known, { config: { architecture: "amd64" } }),
            platform: { os: "linux", architecture: "amd64" },
          },
          { ...putImage(known, {}), platform: { os: "wasip1", architecture: "wasm" } },
        ],
      }),
    )],
  ["an index of which nothing was pulled", false, (known) => {
    const manifest = putImage(known, {});
    known.content.delete(manifest.digest);
    return put(known, jsonBlob(INDEX, { manifests: [manifest] }));
  }],
  ["an index for other machines", false, (known) => {
    const platform = { os: "windows", architecture: "s390x" };
    return put(known, jsonBlob(INDEX, { manifests: [{ ...putImage(known, {}), platform }] }));
  }],
];

for (const [what, isSpin, make] of KINDS) {
  Deno.test(`readImage() finds ${isSpin ? "an app" : "none"} in ${what}`, async () => {
    await withImage(make, async (read) => assert.equal(await read() !== undefined, isSpin));
  });
}

Deno.test("readImage() reads layers when they are asked for, and no sooner", async () => {
  await withImage((known) => putImage(known, {}), async (read, _known, calls) => {
    const image = await read();
    const reads = calls.length;
    const [layer] = image!.manifest.layers;
    assert.equal(await image!.readText(layer!), "wasm");
    assert.equal(calls.length, reads + 1);
  });
});

const FAULTS: readonly [what: string, spoil: (data: Uint8Array) => Uint8Array, RegExp][] = [
  ["is longer", (data) => new Uint8Array([...data, 0]), /is damaged: it has more than 4 bytes/],
  ["is shorter", (data) => data.subarray(1), /is damaged: it has 3 bytes, not 4/],
  ["is another", (data) => data.with(0, 1), /is damaged: it has the digest sha256:[0-9a-f]{64}/],
];

for (const [what, spoil, message] of FAULTS) {
  Deno.test(`read() throws at the end of a blob that ${what}`, async () => {
    await withImage((known) => putImage(known, {}), async (read, known) => {
      known.content.set(digestOf(WASM.data), spoil(WASM.data));
      const image = await read();
      await assert.rejects(
        image!.readText(image!.manifest.layers[0]!),
        (error: unknown) =>
          error instanceof TerminalError && message.test(error.message) &&
          error.message.includes(digestOf(WASM.data)) &&
          error.message.includes('image "example.test/app:1"'),
      );
    });
  });
}

Deno.test("read() tells about a blob that containerd does not have, and the way out", async () => {
  await withImage((known) => putImage(known, {}), async (read, known) => {
    known.content.delete(digestOf(WASM.data));
    const image = await read();
    await assert.rejects(
      image!.readText(image!.manifest.layers[0]!),
      /sha256:[0-9a-f]{64} of image "example.test\/app:1" is not in .* Pull the image again/,
    );
  });
});

Deno.test("readImage() refuses a manifest that is too large to be one", async () => {
  await withImage(
    (known) => ({ ...putImage(known, {}), size: 2 ** 30 }),
    (read) => assert.rejects(read(), /has 1073741824 bytes; at most/),
  );
});
