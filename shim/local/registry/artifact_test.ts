import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { digestOf } from "../../../lib/oci/blob.ts";
import { loadApp, type LockedApp } from "../../loader/mod.ts";
import { type Artifact, buildArtifact, buildManifest, inferAnnotations } from "./artifact.ts";

const MANIFEST = `spin_manifest_version = 2
[application]
name = "site"
version = "1.2.3"
authors = ["Ann", "Bob"]
[[trigger.http]]
route = "/..."
component = "front"
[component.front]
source = "front.wasm"
files = [{ source = "static", destination = "/" }]
variables = { a = "b" }
[[trigger.http]]
route = "/back"
component = "back"
[component.back]
source = "front.wasm"
files = ["static/big.txt"]
`;

const WASM = `\0asm\r\0\x01\0${"x".repeat(200)}`;
const SMALL_WASM = "\0asm\x01\0\0\0";

const FILES: Readonly<Record<string, string>> = {
  "spin.toml": MANIFEST,
  "front.wasm": WASM,
  "static/small.txt": "small",
  "static/empty": "",
  "static/big.txt": "b".repeat(129),
  "static/a/limit.txt": "l".repeat(128),
};

/** Of the app in {@link FILES}, made from the format's description by a program of its own. */
const GOLDEN = {
  layers: [
    "sha256:a22e848242036ad98d9390d1cc6bd1ef708d8bf56cd0c1e58edbaef155402555",
    "sha256:75c76be2aed2772327536dc2fa8759d16cbe7dc9c535954d7d1e05a11bdd3fc6",
    "sha256:25db880e48aeee4dedbd00ce86afc0c15206b967874b473fdded5cbf55093304",
  ],
  config: "sha256:d0ee76fca79342ea4d1ca024722cbb20e4fcda72cc28d062103e6d08dd71a35f",
  manifest: "sha256:e5f69495569b7a9034703b03bd4519475c23ee4febda52440072ecaa72d1fc76",
};

interface Built extends Artifact {
  readonly loaded: LockedApp;
}

async function build(
  files: Readonly<Record<string, string>>,
  packing?: "files" | "archives",
  use: (built: Built) => Promise<void> | void = () => {},
): Promise<void> {
  const root = await Deno.realPath(await Deno.makeTempDir());
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.mkdir(dirname(join(root, "app", name)), { recursive: true });
      await Deno.writeTextFile(join(root, "app", name), text);
    }
    const { app } = await loadApp({ kind: "manifest", path: join(root, "app", "spin.toml") }, {
      workingDir: join(root, "work"),
      cacheDir: join(root, "cache"),
      cwd: root,
    });
    await use({ ...await buildArtifact(app, { packing, scratchDir: root }), loaded: app });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

function digest(text: string): string {
  return digestOf(new TextEncoder().encode(text));
}

function inline(text: string): string {
  return btoa(text).replaceAll("=", "");
}

Deno.test("buildArtifact() makes one layer of each content, and puts small files into the locked app", async () => {
  await build(FILES, undefined, async ({ layers, app }) => {
    assert.deepEqual(layers.map(({ mediaType, blob }) => [mediaType, blob.digest]), [
      ["application/vnd.wasm.content.layer.v1+wasm", digest(WASM)],
      ["application/vnd.wasm.content.layer.v1+data", digest("b".repeat(129))],
      ["application/vnd.fermyon.spin.application.v1+config", layers.at(-1)!.blob.digest],
    ]);
    const { blob } = layers.at(-1)!;
    const text = new TextDecoder().decode(await blob.read(0, blob.size));
    const big = digest("b".repeat(129));
    assert.equal(
      text,
      '{"spin_lock_version":0,"metadata":{"authors":["Ann","Bob"],"name":"site",' +
        '"trigger":{"type":"http"},"triggers":{},"version":"1.2.3"},"triggers":[' +
        '{"id":"front-http-trigger","trigger_type":"http",' +
        '"trigger_config":{"component":"front","route":"/..."}},' +
        '{"id":"back-http-trigger","trigger_type":"http",' +
        '"trigger_config":{"component":"back","route":"/back"}}],"components":[' +
        `{"id":"front","source":{"content_type":"application/wasm","digest":"${digest(WASM)}"},` +
        `"files":[{"inline":"${inline("l".repeat(128))}","digest":"${
          digest("l".repeat(128))
        }","path":"a/limit.txt"},{"digest":"${big}","path":"big.txt"},` +
        `{"inline":"","digest":"${digest("")}","path":"empty"},` +
        `{"inline":"${inline("small")}","digest":"${digest("small")}","path":"small.txt"}],` +
        '"config":{"a":"b"}},' +
        `{"id":"back","source":{"content_type":"application/wasm","digest":"${digest(WASM)}"},` +
        `"files":[{"digest":"${big}","path":"static/big.txt"}]}]}`,
    );
    assert.deepEqual(JSON.parse(text), app);
  });
});

Deno.test("buildArtifact() makes the configuration that names the locked app", async () => {
  await build(FILES, undefined, async ({ config, layers }) => {
    const text = new TextDecoder().decode(await config.blob.read(0, config.blob.size));
    assert.equal(
      text,
      '{"architecture":"wasm","os":"Wasip1","config":{"Labels":' +
        `{"com.fermyon.spin.lockedAppDigest":"${layers.at(-1)!.blob.digest}"}},` +
        '"rootfs":{"type":"layers","diff_ids":[]}}',
    );
  });
});

Deno.test("buildArtifact() keeps the layer of a component that is small enough to be inline", async () => {
  await build({ ...FILES, "front.wasm": SMALL_WASM }, undefined, ({ layers, app }) => {
    assert.equal(layers[0]!.blob.digest, digest(SMALL_WASM));
    assert.equal(app.components[0]!.source.inline, inline(SMALL_WASM));
  });
});

Deno.test("buildArtifact() packs an archive per component, the same every time", async () => {
  const digests: string[] = [];
  for (const _ of [1, 2]) {
    await build(FILES, "archives", ({ layers, app }) => {
      assert.deepEqual(layers.map(({ mediaType }) => mediaType.split(".").at(-1)), [
        "v1+wasm",
        "tar+gzip",
        "tar+gzip",
        "v1+config",
      ]);
      assert.deepEqual(app.components[0]!.files!.map(({ path }) => path), [
        "a/limit.txt",
        "big.txt",
        "empty",
        "small.txt",
      ]);
      digests.push(layers.map(({ blob }) => blob.digest).join());
    });
  }
  assert.equal(digests[0], digests[1]);
});

Deno.test("buildArtifact() packs archives by itself where there would be too many layers", async () => {
  const many = Object.fromEntries(
    Array.from({ length: 500 }, (_, i) => [`static/${i}.txt`, `${i} ${"y".repeat(150)}`]),
  );
  await build({ ...FILES, ...many }, undefined, ({ layers }) => assert.ok(layers.length < 10));
});

Deno.test("buildArtifact() makes layers of dependencies, in the place of the component", async () => {
  const manifest = `${MANIFEST}[component.front.dependencies]
"test:greet/words" = { path = "words.wasm", export = "test:greet/words" }
`;
  const words = `${WASM}words`;
  const files = { ...FILES, "spin.toml": manifest, "words.wasm": words };
  await build(files, undefined, ({ layers, app }) => {
    assert.deepEqual(layers.slice(0, 2).map(({ blob }) => blob.digest), [
      digest(WASM),
      digest(words),
    ]);
    assert.deepEqual(app.components[0]!.dependencies, {
      "test:greet/words": {
        source: { content_type: "application/wasm", digest: digest(words) },
        export: "test:greet/words",
      },
    });
    assert.deepEqual(Object.keys(app.components[0]!), [
      "id",
      "source",
      "files",
      "config",
      "dependencies",
    ]);
  });
});

Deno.test("buildArtifact() refuses a source that is no Wasm", async () => {
  await assert.rejects(
    build({ ...FILES, "front.wasm": "(module)" }),
    {
      name: "TerminalError",
      message: /^Component (?:front|back) source is not a valid \.wasm file/,
    },
  );
});

Deno.test("buildArtifact() gives the digests that Spin gives", async () => {
  // Of the texts that the other tests spell out; a change of any byte shows here.
  await build(FILES, undefined, (artifact) => {
    const { layers, config } = artifact;
    const annotations = { "org.opencontainers.image.title": "site" };
    assert.deepEqual(
      {
        layers: layers.map(({ blob }) => blob.digest),
        config: config.blob.digest,
        manifest: digestOf(buildManifest(artifact, annotations)),
      },
      GOLDEN,
    );
  });
});

Deno.test("buildManifest() is compact and sorted, without a media type of its own", async () => {
  await build(FILES, undefined, (artifact) => {
    const text = new TextDecoder().decode(buildManifest(artifact, { b: "2", a: "1" }));
    const { config, layers } = artifact;
    const layer = `{"digest":"${layers[0]!.blob.digest}",` +
      `"mediaType":"application/vnd.wasm.content.layer.v1+wasm","size":${WASM.length}}`;
    const head = `{"annotations":{"a":"1","b":"2"},"config":{"digest":"${config.blob.digest}",` +
      `"mediaType":"application/vnd.oci.image.config.v1+json","size":${config.blob.size}},` +
      `"layers":[${layer},`;
    assert.equal(text.slice(0, head.length), head);
    assert.ok(text.endsWith('],"schemaVersion":2}'));
  });
});

Deno.test("inferAnnotations() tells what the app tells, but not over what was given", async () => {
  await build(FILES, undefined, ({ loaded }) => {
    const created = new Date("2026-01-02T03:04:05.678Z");
    const given = { "org.opencontainers.image.version": "9", mine: "x" };
    assert.deepEqual(inferAnnotations(loaded, { given, created }), {
      "org.opencontainers.image.authors": "Ann, Bob",
      "org.opencontainers.image.title": "site",
      "org.opencontainers.image.version": "9",
      "org.opencontainers.image.created": "2026-01-02T03:04:05.678+00:00",
      mine: "x",
    });
  });
});
