/**
 * Images of Spin apps, in each of the forms that users push.
 *
 * @module
 */

import { dirname, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { MEDIA_TYPES } from "../../crds/contract.ts";
import { fromFileUrl } from "../../lib/file_url.ts";
import { findAppSource, loadApp, type LockedApp } from "../../shim/loader/mod.ts";
import {
  artifact,
  type Blob,
  digestOf,
  jsonBlob,
  linuxImage,
  type OciImage,
  tar,
  type TarEntry,
} from "./oci_layout.ts";

/** Content of at most so many bytes is written into the locked app. */
const INLINE_BYTES = 128;

/** How the files of an artifact are stored. */
export type AssetForm =
  /** A layer for each file, the smallest inline. */
  | "files"
  /** All files of a component in one layer. */
  | "archive";

/**
 * What `spin registry push` makes of an app: a layer for each component, those of its files, and the
 * locked app as the last one.
 *
 * @param manifest Path of its `spin.toml`.
 * @param options.assets Default: `files`.
 * @param options.change Changes the locked app, for apps that no tool would push.
 */
export async function registryImage(
  name: string,
  { manifest, assets = "files", change = (app) => app }: {
    manifest: string;
    assets?: AssetForm;
    change?: (app: LockedApp) => LockedApp;
  },
): Promise<OciImage> {
  const workingDir = await Deno.makeTempDir({ prefix: "spinkube-image-" });
  try {
    const { app } = await loadApp(await findAppSource(manifest, "/"), {
      workingDir,
      cacheDir: `${workingDir}/downloads`,
      cwd: "/",
    });
    const layers = new Map<string, Blob>();
    const locked = change({
      ...app,
      components: app.components.map((component) => ({
        ...component,
        source: {
          content_type: component.source.content_type,
          digest: add(layers, MEDIA_TYPES.wasm, readUrl(component.source.source!)),
        },
        ...(component.files
          ? { files: component.files.flatMap((mount) => assetsOf(mount, { assets, layers })) }
          : {}),
      })),
    });
    const last = jsonBlob(MEDIA_TYPES.lockedApp, locked);
    return artifact(name, [...layers.values(), last], {
      Labels: { "com.fermyon.spin.lockedAppDigest": digestOf(last.data) },
    });
  } finally {
    await Deno.remove(workingDir, { recursive: true });
  }
}

function add(layers: Map<string, Blob>, mediaType: string, data: Uint8Array): string {
  const digest = digestOf(data);
  layers.set(digest, { mediaType, data });
  return digest;
}

function readUrl(url: string): Uint8Array {
  return Deno.readFileSync(fromFileUrl(url));
}

type Mount = NonNullable<LockedApp["components"][number]["files"]>[number];

/** The files of one mount, each of its own; archives hold them a second time, unnamed. */
function assetsOf(
  mount: Mount,
  { assets, layers }: { assets: AssetForm; layers: Map<string, Blob> },
): Mount[] {
  const root = fromFileUrl(mount.source!);
  const files = filesOf(root).map((path) => ({
    path: relative(root, path),
    data: Deno.readFileSync(path),
  }));
  if (assets === "archive") {
    add(layers, MEDIA_TYPES.archive, gzipSync(tar(files)));
    return files.map(({ path, data }) => ({ path, digest: digestOf(data) }));
  }
  return files.map(({ path, data }) => {
    if (data.length > INLINE_BYTES) return { path, digest: add(layers, MEDIA_TYPES.data, data) };
    return { path, inline: data.toBase64({ omitPadding: true }), digest: digestOf(data) };
  });
}

function filesOf(directory: string): string[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name, isDirectory }) => {
    const path = `${directory}/${name}`;
    return isDirectory ? filesOf(path) : [path];
  });
}

/**
 * What `FROM scratch` and `COPY` make: the manifest, and files at the paths it names.
 *
 * @param files Paths relative to the manifest's directory; a directory stands for all in it.
 */
export function scratchImage(
  name: string,
  { manifest, files, config = {} }: {
    manifest: string;
    files: readonly string[];
    config?: Record<string, unknown>;
  },
): OciImage {
  const root = dirname(manifest);
  const entries: TarEntry[] = [manifest, ...files.map((path) => `${root}/${path}`)]
    .flatMap((path) => Deno.statSync(path).isDirectory ? filesOf(path) : [path])
    .map((path) => ({ path: relative(root, path), data: Deno.readFileSync(path) }));
  return linuxImage(name, { files: entries, config });
}

/** What `wkg oci push` makes of one component; of several, what no runtime takes. */
export function packageImage(name: string, components: readonly string[]): OciImage {
  const layers = components.map((path) => ({
    mediaType: MEDIA_TYPES.package,
    data: Deno.readFileSync(path),
  }));
  return {
    name,
    layers,
    isArtifact: true,
    config: jsonBlob("application/vnd.wasm.config.v0+json", {
      created: "2026-01-01T00:00:00Z",
      architecture: "wasm",
      os: "wasip2",
      layerDigests: layers.map(({ data }) => digestOf(data)),
    }),
  };
}
