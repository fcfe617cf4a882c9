import assert from "node:assert/strict";
import { MEDIA_TYPES } from "../../crds/contract.ts";
import { TerminalError } from "../../lib/errors.ts";
import type { LockedApp } from "./locked_app.ts";
import { type OciImage, placeOciApp, readOciApp } from "./oci_app.ts";
import type { OciDescriptor } from "./oci_image.ts";

function digest(letter: string): string {
  return `sha256:${letter.repeat(64)}`;
}

function layer(mediaType: string, letter: string): OciDescriptor {
  return { mediaType, digest: digest(letter), size: 1 };
}

function image(layers: OciDescriptor[], config: unknown = { architecture: "wasm" }): OciImage {
  return {
    reference: "example.test/app:1",
    manifest: { config: layer("application/json", "9"), layers },
    config: JSON.stringify(config),
  };
}

type Component = LockedApp["components"][number];

function app(component: Partial<Component> = {}): LockedApp {
  return {
    spin_lock_version: 0,
    metadata: { name: "app", origin: "file:///home/me/spin.toml", triggers: {} },
    triggers: [{ id: "t", trigger_type: "http", trigger_config: { component: "c" } }],
    components: [{
      id: "c",
      source: { content_type: "application/wasm", digest: digest("a") },
      ...component,
    }],
  };
}

function reader(texts: Record<string, unknown>): (layer: OciDescriptor) => Promise<string> {
  return ({ digest }) => Promise.resolve(JSON.stringify(texts[digest]));
}

const none = reader({});

Deno.test("readOciApp() takes the last locked app, and says where it came from", async () => {
  const locked = { ...app(), metadata: { name: "last", triggers: {} } };
  const { app: found, layers } = await readOciApp(
    image([
      layer(MEDIA_TYPES.lockedApp, "1"),
      layer(MEDIA_TYPES.wasm, "a"),
      layer(MEDIA_TYPES.data, "d"),
      layer(MEDIA_TYPES.data, "d"),
      layer("application/unknown", "e"),
      layer(MEDIA_TYPES.lockedApp, "2"),
    ]),
    reader({ [digest("1")]: app(), [digest("2")]: locked }),
  );
  assert.deepEqual(found.metadata, {
    name: "last",
    triggers: {},
    origin: "vnd.fermyon.origin-oci:example.test/app:1",
  });
  assert.deepEqual(layers.map(({ digest }) => digest), [digest("a"), digest("d")]);
});

Deno.test("readOciApp() reads old images, whose configuration is the locked app", async () => {
  const { app: found } = await readOciApp(image([layer(MEDIA_TYPES.wasm, "a")], app()), none);
  assert.equal(found.metadata.name, "app");
});

for (const mediaType of [MEDIA_TYPES.package, MEDIA_TYPES.wasm]) {
  Deno.test(`readOciApp() makes an app of a single ${mediaType}`, async () => {
    const { app, layers } = await readOciApp(image([layer(mediaType, "a")]), none);
    assert.equal(app.metadata.name, digest("a"));
    assert.equal(app.triggers[0]?.trigger_config.route, "/...");
    const [component] = app.components;
    assert.equal(app.triggers[0]?.trigger_config.component, component?.id);
    assert.deepEqual(component?.source, {
      content_type: "application/wasm",
      digest: digest("a"),
    });
    assert.equal(component?.metadata?.allowed_outbound_hosts, undefined);
    assert.deepEqual(layers.map(({ digest }) => digest), [digest("a")]);
  });
}

const NO_PACKAGES: readonly [types: string[], count: number][] = [
  [[], 0],
  [[MEDIA_TYPES.package, MEDIA_TYPES.package], 2],
  [[MEDIA_TYPES.package, MEDIA_TYPES.data], 2],
  [[MEDIA_TYPES.package, MEDIA_TYPES.lockedApp], 2],
  [[MEDIA_TYPES.wasm, MEDIA_TYPES.data, MEDIA_TYPES.data], 3],
];

for (const [types, count] of NO_PACKAGES) {
  Deno.test(`readOciApp() refuses a package with the layers [${types}]`, async () => {
    const layers = types.map((type, index) => layer(type, String(index)));
    await assert.rejects(readOciApp(image(layers), none), {
      message: `expected single layer in OCI package, found ${count} layers`,
    });
  });
}

async function place(
  component: Partial<Component>,
  files: Record<string, string> = { [digest("a")]: "wasm" },
): Promise<{ app: LockedApp; read: (path: string) => string; directory: string }> {
  const directory = await Deno.makeTempDir();
  const paths = new Map<string, string>();
  for (const [digest, text] of Object.entries(files)) {
    const path = `${directory}/blob-${paths.size}`;
    Deno.writeTextFileSync(path, text);
    paths.set(digest, path);
  }
  try {
    const placed = await placeOciApp(app(component), {
      find: (digest) => paths.get(digest),
      workingDir: `${directory}/work`,
    });
    const read = (path: string) => Deno.readTextFileSync(`${directory}/work/assets/c/${path}`);
    return { app: placed, read, directory };
  } catch (error) {
    await Deno.remove(directory, { recursive: true });
    throw error;
  }
}

Deno.test("placeOciApp() makes one directory of files, inline or by digest", async () => {
  const { app, read, directory } = await place({
    files: [
      { path: "a/b/c.txt", digest: digest("d") },
      { path: "inline", inline: "aGVsbG8", digest: digest("e") },
      { path: "padded", inline: "aGVsbG8=" },
      { path: "empty", inline: "", digest: digest("f") },
      { path: "twice", inline: "aGVsbG8" },
      { path: "twice", digest: digest("d") },
      { path: "odd//./path", digest: digest("d") },
      { path: "ünï %20?#", digest: digest("d") },
    ],
  }, { [digest("a")]: "wasm", [digest("d")]: "data" });
  try {
    assert.deepEqual(app.components[0]?.files, [
      { source: `file://${directory}/work/assets/c`, path: "/" },
    ]);
    assert.equal(read("a/b/c.txt"), "data");
    assert.equal(read("inline"), "hello");
    assert.equal(read("padded"), "hello");
    assert.equal(read("empty"), "");
    assert.equal(read("twice"), "data");
    assert.equal(read("odd/path"), "data");
    assert.equal(read("ünï %20?#"), "data");
    assert.deepEqual(app.components[0]?.source, {
      content_type: "application/wasm",
      source: `file://${directory}/blob-0`,
      digest: digest("a"),
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("placeOciApp() gives dependencies and middleware their files, too", async () => {
  const source = { content_type: "application/wasm", digest: digest("b") };
  const dependency = { source, export: null };
  const { app, directory } = await place({
    dependencies: { "a:b/c": dependency },
    trigger_dependencies: { middleware: [dependency] },
  }, { [digest("a")]: "wasm", [digest("b")]: "other" });
  const placed = {
    export: null,
    source: { ...source, source: `file://${directory}/blob-1` },
  };
  assert.deepEqual(app.components[0]?.dependencies, { "a:b/c": placed });
  assert.deepEqual(app.components[0]?.trigger_dependencies, { middleware: [placed] });
  await Deno.remove(directory, { recursive: true });
});

const BAD_APPS: readonly [what: string, Partial<Component>, message: RegExp][] = [
  [
    "a source that the image does not have",
    { source: { content_type: "application/wasm", digest: digest("b") } },
    /^cannot find wasm file for digest sha256:b+$/,
  ],
  [
    "a source on the machine of whoever pushed it",
    { source: { content_type: "application/wasm", source: "file:///etc/passwd" } },
    /^content missing expected digest: .*etc\/passwd/,
  ],
  [
    "a file on this machine",
    { files: [{ path: "x", source: "file:///etc/passwd" }] },
    /^content missing expected digest: .*etc\/passwd/,
  ],
  [
    "a file that the image does not have",
    { files: [{ path: "x", digest: digest("b") }] },
    /^cannot find data file for digest sha256:b+$/,
  ],
  ["inline content that is none", { files: [{ path: "x", inline: "?" }] }, /no base64: "\?"/],
  ...["", "/", "/x", "../x", "a/../x", "./x", "a\\b", "a\0b"].map((
    path,
  ): [string, Partial<Component>, RegExp] => [
    `the path ${JSON.stringify(path)}`,
    { files: [{ path, digest: digest("a") }] },
    /^invalid file mount "/,
  ]),
  ...["", ".", "..", "../up", "a/b"].map((id): [string, Partial<Component>, RegExp] => [
    `the id ${JSON.stringify(id)}`,
    { id, files: [{ path: "x", digest: digest("a") }] },
    /cannot be the id of a component/,
  ]),
  [
    "a file that is a directory, too",
    { files: [{ path: "x", digest: digest("a") }, { path: "x/y", digest: digest("a") }] },
    /Cannot place the file "x\/y" of component "c"/,
  ],
];

for (const [what, component, message] of BAD_APPS) {
  Deno.test(`placeOciApp() refuses ${what}`, async () => {
    await assert.rejects(
      place(component),
      (error: unknown) => error instanceof TerminalError && message.test(error.message),
    );
  });
}
