/**
 * From an image to a {@link LockedApp}: what `spin registry push` and `wkg oci push` made becomes
 * what the host runs. Where the blobs come from is up to the caller.
 *
 * @module
 */

import { MEDIA_TYPES } from "../../crds/contract.ts";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { toFileUrl } from "../../lib/file_url.ts";
import { dirname, join } from "../../lib/path.ts";
import { bareWasmManifest } from "./bare_wasm.ts";
import { lockManifest, sourceKey } from "./lock.ts";
import type { ContentRef, LockedApp, LockedComponent, LockedDependency } from "./locked_app.ts";
import { ManifestReport } from "./manifest_report.ts";
import { normalizeManifest } from "./normalize.ts";
import { type OciDescriptor, type OciManifest, supportedLayers } from "./oci_image.ts";
import { parseLockedApp } from "./parse_locked_app.ts";

/** An image. */
export interface OciImage {
  /** As users name it: `ghcr.io/example/hello:1`. */
  readonly reference: string;
  readonly manifest: OciManifest;
  /** Text of the image's configuration. */
  readonly config: string;
}

/** An app whose content still lies in layers. */
export interface OciApp {
  /** Sources and files are named by digest, or inline. */
  readonly app: LockedApp;
  /** The layers that hold its content, each digest once. */
  readonly layers: readonly OciDescriptor[];
}

/**
 * Reads the app of an image. Old images have it as their configuration; one without any app is a
 * package of a single component, which then answers every HTTP request.
 *
 * @param readText Gives the text of a layer, verified.
 * @throws {TerminalError} if the image holds no app, or one that is not understood.
 */
export async function readOciApp(
  { reference, manifest, config }: OciImage,
  readText: (layer: OciDescriptor) => Promise<string>,
): Promise<OciApp> {
  const supported = supportedLayers(manifest);
  const isLockedApp = ({ mediaType }: OciDescriptor): boolean =>
    mediaType === MEDIA_TYPES.lockedApp;
  const layers = new Map(
    supported.filter((layer) => !isLockedApp(layer)).map((layer) => [layer.digest, layer]),
  );
  const packages = supported.filter(({ mediaType }) => mediaType === MEDIA_TYPES.package);
  const lockedApp = supported.findLast(isLockedApp);
  const text = lockedApp && packages.length === 0
    ? await readText(lockedApp)
    : hasLockVersion(config)
    ? config
    : undefined;
  const app = text === undefined ? packageApp(supported) : parseLockedApp(text);
  const origin = `vnd.fermyon.origin-oci:${reference}`;
  return {
    app: { ...app, metadata: { ...app.metadata, origin } },
    layers: [...layers.values()],
  };
}

/** Whether the configuration of an image is a locked app. */
export function hasLockVersion(config: string): boolean {
  try {
    return typeof JSON.parse(config)?.spin_lock_version === "number";
  } catch {
    // Configurations may be anything.
    return false;
  }
}

function packageApp(layers: readonly OciDescriptor[]): LockedApp {
  const [layer] = layers;
  if (!layer || layers.length > 1) {
    throw new TerminalError(
      "NoApp",
      `expected single layer in OCI package, found ${layers.length} layers`,
    );
  }
  const { digest } = layer;
  const positions = { find: () => ({ line: 0, column: 0 }) };
  const report = new ManifestReport({ file: digest, root: {}, positions });
  const manifest = normalizeManifest(bareWasmManifest(digest), { profile: undefined, report });
  return lockManifest(manifest, {
    sources: new Map([[sourceKey({ kind: "path", path: digest }), { digest }]]),
    files: new Map(),
    origin: undefined,
  });
}

/** What {@link placeOciApp} needs. */
export interface PlaceOptions {
  /** Absolute path of the content with this digest; undefined if the image does not have it. */
  readonly find: (digest: string) => string | undefined;
  /** Files go to `<workingDir>/assets/<component>`. */
  readonly workingDir: string;
  /** Puts a file where nothing is yet. Default: copies it. */
  readonly placeFile?: (from: string, to: string) => Promise<void>;
}

/**
 * Gives an app its content: sources become `file:` URLs (their digests stay), and the files of each
 * component one directory that it sees as `/`. Nothing but the image's own content is taken.
 *
 * @throws {TerminalError} naming what is missing, or what cannot be placed.
 */
export async function placeOciApp(app: LockedApp, options: PlaceOptions): Promise<LockedApp> {
  const components: LockedComponent[] = [];
  for (const component of app.components) {
    const { dependencies, trigger_dependencies: ofTriggers } = component;
    components.push({
      ...component,
      source: placeSource(component.source, options),
      ...(dependencies ? { dependencies: mapValues(dependencies, placed(options)) } : {}),
      ...(ofTriggers
        ? { trigger_dependencies: mapValues(ofTriggers, (list) => list.map(placed(options))) }
        : {}),
      ...(component.files?.length ? { files: await placeFiles(component, options) } : {}),
    });
  }
  return { ...app, components };
}

function placed(options: PlaceOptions): (dependency: LockedDependency) => LockedDependency {
  return (dependency) => ({ ...dependency, source: placeSource(dependency.source, options) });
}

function placeSource(
  source: LockedComponent["source"],
  { find }: PlaceOptions,
): LockedComponent["source"] {
  const digest = digestOf(source);
  const path = find(digest);
  if (path === undefined) {
    throw new TerminalError("MissingContent", `cannot find wasm file for digest ${digest}`);
  }
  return { content_type: source.content_type, source: toFileUrl(path).href, digest };
}

/** A path on the machine that made the image means nothing here, and must not be followed. */
function digestOf(content: ContentRef): string {
  if (content.digest !== undefined) return content.digest;
  throw new TerminalError(
    "MissingContent",
    `content missing expected digest: ${JSON.stringify(content)}`,
  );
}

async function placeFiles(
  { id, files = [] }: LockedComponent,
  options: PlaceOptions,
): Promise<NonNullable<LockedComponent["files"]>> {
  const directory = join(options.workingDir, "assets", directoryName(id));
  const targets = new Map<string, ContentRef>();
  for (const { path, ...content } of files) targets.set(checkPath(path), content);
  await Deno.mkdir(directory, { recursive: true });
  for (const [path, content] of targets) {
    const target = join(directory, path);
    try {
      await Deno.mkdir(dirname(target), { recursive: true });
      await placeContent(content, { ...options, target });
    } catch (error) {
      if (error instanceof TerminalError) throw error;
      throw new TerminalError(
        "CannotPlaceFile",
        `Cannot place the file ${JSON.stringify(path)} of component ${JSON.stringify(id)}: ` +
          errorText(error),
        { cause: error },
      );
    }
  }
  return [{ source: toFileUrl(directory).href, path: "/" }];
}

async function placeContent(
  content: ContentRef,
  { find, target, placeFile = Deno.copyFile }: PlaceOptions & { readonly target: string },
): Promise<void> {
  if (content.inline !== undefined) {
    return await Deno.writeFile(target, decodeInline(content.inline), { createNew: true });
  }
  const digest = digestOf(content);
  const path = find(digest);
  if (path === undefined) {
    throw new TerminalError("MissingContent", `cannot find data file for digest ${digest}`);
  }
  await placeFile(path, target);
}

function decodeInline(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "loose" });
  } catch (error) {
    throw new TerminalError(
      "InvalidLockedApp",
      `Invalid locked app: inline content is no base64: ${JSON.stringify(text.slice(0, 40))}`,
      { cause: error },
    );
  }
}

/** As Rust splits paths: `.` and empty parts in the middle count for nothing. */
function checkPath(path: string): string {
  const parts = path.split("/").filter((part, index) =>
    index === 0 || (part !== "" && part !== ".")
  );
  const isNormal = parts.every((part) => !["", ".", ".."].includes(part) && !/[\\\0]/.test(part));
  if (isNormal) return parts.join("/");
  throw new TerminalError("InvalidLockedApp", `invalid file mount ${JSON.stringify(path)}`);
}

/** Ids of components that Spin made are always fit for it. */
function directoryName(id: string): string {
  if (id !== "" && id !== "." && id !== ".." && !/[\\/\0]/.test(id)) return id;
  throw new TerminalError(
    "InvalidLockedApp",
    `Invalid locked app: ${JSON.stringify(id)} cannot be the id of a component with files`,
  );
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
