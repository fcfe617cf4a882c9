/**
 * From an app of this machine to the layers of its image, as `spin registry push` makes them: equal
 * apps give equal layers, here and there.
 *
 * @module
 */

import { MEDIA_TYPES } from "../../../crds/contract.ts";
import { fromFileUrl } from "../../../lib/file_url.ts";
import { blobOfBytes, blobOfFile, type BlobSource } from "../../../lib/oci/blob.ts";
import { join } from "../../../lib/path.ts";
import type { ContentRef, LockedApp, LockedComponent, LockedDependency } from "../../loader/mod.ts";
import { archiveDirectory } from "./archive.ts";
import { checkWasmStart, dependencyOwner, WASM_START_BYTES, wasmOwner } from "./wasm_owner.ts";

/** A layer of an image. */
export interface Layer {
  readonly mediaType: string;
  readonly blob: BlobSource;
}

/** An app as an image. */
export interface Artifact {
  /** Without duplicates; the last one is the locked app. */
  readonly layers: readonly Layer[];
  /** The image's configuration. */
  readonly config: Layer;
  /** What the locked app says. */
  readonly app: LockedApp;
}

/** How files are packed: one layer each, or one archive per component. */
export type Packing = "files" | "archives";

/** Options of {@link buildArtifact}. */
export interface ArtifactOptions {
  /** Default: files, or archives where there would be more layers than registries take. */
  readonly packing?: Packing | undefined;
  /** An existing directory for archives; they have to stay until the layers have been pushed. */
  readonly scratchDir: string;
}

/** Most layers of an image; the least that a well-known registry allows, without the locked app's. */
const MAX_LAYERS = 499;

/** Content up to this size stands in the locked app: some registries refuse very small blobs. */
const MAX_INLINE_BYTES = 128;

const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";

/**
 * Builds the image of an app. Dependencies that it has are layers beside their component.
 *
 * @param app As `loadApp` gives it: sources and mounts are `file:` URLs.
 * @throws {TerminalError} naming a component whose source is no Wasm.
 */
export async function buildArtifact(app: LockedApp, options: ArtifactOptions): Promise<Artifact> {
  const files = await assemble(app, { ...options, packing: options.packing ?? "files" });
  const isTooMany = options.packing === undefined && files.layers.length > MAX_LAYERS;
  const { layers, components } = isTooMany
    ? await assemble(app, { ...options, packing: "archives" })
    : files;
  const { origin: _thisMachine, ...metadata } = app.metadata;
  const locked = { ...app, metadata, components };
  const lockedLayer = jsonLayer(MEDIA_TYPES.lockedApp, locked);
  const labels = { "com.fermyon.spin.lockedAppDigest": lockedLayer.blob.digest };
  return {
    layers: [...layers, lockedLayer],
    config: jsonLayer(CONFIG_TYPE, {
      architecture: "wasm",
      os: "Wasip1",
      config: { Labels: labels },
      rootfs: { type: "layers", diff_ids: [] },
    }),
    app: locked,
  };
}

/** The image's manifest: compact, keys in the order of the alphabet. */
export function buildManifest(
  { layers, config }: Artifact,
  annotations: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const sorted = Object.entries(annotations).sort(([left], [right]) => left < right ? -1 : 1);
  return encode({
    annotations: Object.fromEntries(sorted),
    config: descriptor(config),
    layers: layers.map(descriptor),
    schemaVersion: 2,
  });
}

/**
 * The annotations that are told by the app itself; `given` ones win.
 * @param created When the image was made.
 */
export function inferAnnotations(
  app: LockedApp,
  { given, created }: { given: Readonly<Record<string, string>>; created: Date },
): Record<string, string> {
  const { authors, name, description, version } = app.metadata;
  const inferred = {
    authors: Array.isArray(authors) ? authors.join(", ") : "",
    title: name,
    description,
    version,
    created: created.toISOString().replace(/Z$/, "+00:00"),
  };
  const entries = Object.entries(inferred).flatMap(([key, value]) =>
    typeof value === "string" && value !== ""
      ? [[`org.opencontainers.image.${key}`, value] as const]
      : []
  );
  return { ...Object.fromEntries(entries), ...given };
}

interface Assembly {
  readonly layers: Layer[];
  readonly components: LockedComponent[];
}

async function assemble(
  app: LockedApp,
  options: ArtifactOptions & { readonly packing: Packing },
): Promise<Assembly> {
  const layers = new LayerList();
  const components: LockedComponent[] = [];
  for (const [index, component] of app.components.entries()) {
    // What is replaced keeps its place among the fields: equal apps give equal bytes.
    components.push(withoutUndefined({
      ...component,
      ...await addContent(component, { ...options, layers, name: `${index}.tar.gz` }),
    }));
  }
  return { layers: layers.all, components };
}

type Content =
  & Pick<LockedComponent, "source">
  & {
    [K in "files" | "dependencies" | "trigger_dependencies"]: LockedComponent[K] | undefined;
  };

async function addContent(
  { id, source, files, dependencies, trigger_dependencies: ofTriggers }: LockedComponent,
  options: FileOptions,
): Promise<Content> {
  const wasm = { layers: options.layers, owner: wasmOwner(id), component: id };
  const content: Content = {
    source: await addWasm(source, wasm),
    files: undefined,
    dependencies: undefined,
    trigger_dependencies: undefined,
  };
  if (dependencies) content.dependencies = await addDependencies(dependencies, wasm);
  if (ofTriggers) {
    content.trigger_dependencies = {};
    for (const [role, list] of Object.entries(ofTriggers)) {
      content.trigger_dependencies[role] = await Array.fromAsync(
        list,
        (dependency) => addDependency(dependency, { ...wasm, owner: `${wasm.owner} ${role}` }),
      );
    }
  }
  const placed = await addFiles(files ?? [], options);
  if (placed.length > 0) content.files = placed;
  return content;
}

function withoutUndefined(
  component: Omit<LockedComponent, keyof Content> & Content,
): LockedComponent {
  return JSON.parse(JSON.stringify(component));
}

interface WasmOwner {
  readonly layers: LayerList;
  /** Its id. */
  readonly component: string;
  /** For messages: `Component hello`. */
  readonly owner: string;
}

async function addWasm(
  { content_type, source }: LockedComponent["source"],
  { layers, owner }: WasmOwner,
): Promise<LockedComponent["source"]> {
  const path = pathOf(source);
  const blob = await blobOfFile(path);
  checkWasmStart(await blob.read(0, WASM_START_BYTES), { path, owner });
  layers.add({ mediaType: MEDIA_TYPES.wasm, blob });
  return { content_type, ...await contentOf(blob) };
}

async function addDependencies(
  dependencies: Record<string, LockedDependency>,
  owner: WasmOwner,
): Promise<Record<string, LockedDependency>> {
  const changed: Record<string, LockedDependency> = {};
  for (const [name, dependency] of Object.entries(dependencies)) {
    changed[name] = await addDependency(dependency, {
      ...owner,
      owner: dependencyOwner(owner.component, name),
    });
  }
  return changed;
}

async function addDependency(
  { source, ...rest }: LockedDependency,
  owner: WasmOwner,
): Promise<LockedDependency> {
  return { source: await addWasm(source, owner), ...rest };
}

interface FileOptions {
  readonly layers: LayerList;
  readonly packing: Packing;
  readonly scratchDir: string;
  /** Of the archive. */
  readonly name: string;
}

async function addFiles(
  mounts: NonNullable<LockedComponent["files"]>,
  { layers, packing, scratchDir, name }: FileOptions,
): Promise<NonNullable<LockedComponent["files"]>> {
  const files: NonNullable<LockedComponent["files"]> = [];
  for (const [index, mount] of mounts.entries()) {
    const directory = pathOf(mount.source);
    for await (const path of listFiles(directory)) {
      const blob = await blobOfFile(join(directory, path));
      const content = await contentOf(blob);
      files.push({ ...content, path });
      const isLayer = packing === "files" && content.inline === undefined;
      if (isLayer) layers.add({ mediaType: MEDIA_TYPES.data, blob });
    }
    if (packing === "files") continue;
    const archive = join(scratchDir, `${index}-${name}`);
    await archiveDirectory(directory, archive);
    layers.add({ mediaType: MEDIA_TYPES.archive, blob: await blobOfFile(archive) });
  }
  return files;
}

/** Regular files below a directory, relative to it and with slashes, in the order of names. */
async function* listFiles(directory: string, prefix = ""): AsyncGenerator<string> {
  const entries = await Array.fromAsync(Deno.readDir(join(directory, prefix)));
  for (const { name, isDirectory, isFile } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (isDirectory) yield* listFiles(directory, `${prefix}${name}/`);
    else if (isFile) yield `${prefix}${name}`;
  }
}

async function contentOf(blob: BlobSource): Promise<ContentRef> {
  if (blob.size > MAX_INLINE_BYTES) return { digest: blob.digest };
  const bytes = await blob.read(0, blob.size);
  return { inline: bytes.toBase64({ omitPadding: true }), digest: blob.digest };
}

function pathOf(source: string | undefined): string {
  if (source !== undefined) return fromFileUrl(source);
  throw new Error("An app of this machine has content without a file");
}

/** Layers without duplicates, in the order in which they were first added. */
class LayerList {
  readonly #layers = new Map<string, Layer>();

  add(layer: Layer): void {
    const key = `${layer.mediaType} ${layer.blob.digest}`;
    if (!this.#layers.has(key)) this.#layers.set(key, layer);
  }

  get all(): Layer[] {
    return [...this.#layers.values()];
  }
}

function jsonLayer(mediaType: string, value: unknown): Layer {
  return { mediaType, blob: blobOfBytes(encode(value)) };
}

function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

function descriptor({ mediaType, blob }: Layer): Record<string, string | number> {
  return { digest: blob.digest, mediaType, size: blob.size };
}
