/**
 * Which app a container has, by what containerd knows of it, and whether the store has that app. It
 * is on the way of every pod's start: nothing large is loaded, and little asked.
 *
 * @module
 */

import type { PrepareAppResult } from "../../crds/contract.ts";
import { TerminalError } from "../../lib/errors.ts";
import { sha256Hex } from "../engine/artifact.ts";
import { engineVersion } from "../engine/engine_version.ts";
import type { OciDescriptor } from "../loader/oci_image.ts";
import { CONTAINERD_METHODS } from "../proto/containerd_api.ts";
import type { ContainerName } from "./app_notes.ts";
import type { AppStore } from "./app_store.ts";
import { type ContainerdClient, isNotFound } from "./containerd_client.ts";

/** The record of an image in containerd. */
export interface ImageRecord {
  /** The image's name: `ghcr.io/example/hello:1`. */
  readonly name: string;
  /** Its manifest, or a list of them. */
  readonly target: OciDescriptor;
}

/** What is known of a container's app without reading its image. */
export interface AppIdentity {
  readonly image: ImageRecord | undefined;
  /** Whether the root file system has a `/spin.toml`. */
  readonly hasManifest: boolean;
  /** Key of the app in the image's layers; undefined without an image. */
  readonly imageKey: string | undefined;
  /** Key of the app in the root file system; undefined if there is none, or nothing tells its content. */
  readonly rootKey: string | undefined;
}

/** What {@link identifyApp} needs. */
export interface FindAppOptions extends ContainerName {
  readonly client: ContainerdClient;
  /** The container's root file system on this machine, without what the pod mounts into it. */
  readonly rootfs: string;
}

/** Raise when what is stored changes for reasons that the engine's version does not show. */
const FORMAT = 1;

/**
 * Asks containerd what a container is made from: two calls, three if its root has a `/spin.toml`.
 * @throws {Error} if containerd cannot be asked.
 */
export async function identifyApp(
  { client, container, rootfs }: FindAppOptions,
): Promise<AppIdentity> {
  const record = await findContainer(client, container);
  const hasManifest = isThere(`${rootfs}/spin.toml`);
  const [image, layers] = await Promise.all([
    record.image === "" ? undefined : findImage(client, record.image),
    hasManifest ? findRootLayers(client, record) : "",
  ]);
  return {
    image,
    hasManifest,
    imageKey: image && await keyOf(image.target.digest),
    // A name may have been given to another image meanwhile; the root's layers tell what is in it.
    rootKey: image && layers !== "" ? await keyOf(image.target.digest, layers) : undefined,
  };
}

/**
 * Finds the app in the store and notes that the container uses it. What the image has as layers of an
 * app comes first, as in the original runtime.
 *
 * @returns Undefined if it is not there.
 */
export function findStoredApp(
  store: AppStore,
  { imageKey, rootKey }: AppIdentity,
  container: ContainerName,
): PrepareAppResult | undefined {
  for (const key of [imageKey, rootKey]) {
    if (key !== undefined && store.has(key) && store.use(key, container)) {
      return { kind: "app", directory: store.appDir(key), key };
    }
  }
  return undefined;
}

/** Keys begin with the digest of the image, so that it is known which image needs the app. */
async function keyOf(imageDigest: string, ...more: string[]): Promise<string> {
  const rest = await textHash([String(FORMAT), engineVersion(), ...more]);
  return `${imageDigest.replace("sha256:", "")}-${rest.slice(0, 16)}`;
}

/** Key of an app of which nothing says what it is made from: it is no other container's. */
export async function containerKey({ namespace, container }: ContainerName): Promise<string> {
  return `container-${await textHash([namespace, container])}`;
}

/** The digest of the image that an app was made from; undefined if the key tells none. */
export function imageDigestOf(key: string): string | undefined {
  const hex = /^([0-9a-f]{64})-/.exec(key)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

function textHash(parts: readonly string[]): Promise<string> {
  return sha256Hex(new TextEncoder().encode(JSON.stringify(parts)));
}

async function findContainer(client: ContainerdClient, id: string) {
  const { container } = await client.call(CONTAINERD_METHODS.getContainer, { id });
  if (container) return container;
  throw new Error(`containerd's answer about container "${id}" is empty`);
}

/** The image may have been removed since the container was made: there is still its root. */
async function findImage(
  client: ContainerdClient,
  name: string,
): Promise<ImageRecord | undefined> {
  try {
    const { image } = await client.call(CONTAINERD_METHODS.getImage, { name });
    return image?.target && { name, target: checked(image.target, name) };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function checked(
  { mediaType, digest, size }: { mediaType: string; digest: string; size: bigint },
  name: string,
): OciDescriptor {
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return { mediaType, digest, size: Number(size) };
  throw new TerminalError(
    "InvalidImage",
    `The digest of image "${name}" is ${JSON.stringify(digest)}; only SHA-256 is supported`,
  );
}

/** What the root file system is made from: a digest of its layers. Empty if it is not known. */
async function findRootLayers(
  client: ContainerdClient,
  { snapshotter, snapshotKey }: { snapshotter: string; snapshotKey: string },
): Promise<string> {
  if (snapshotKey === "") return "";
  try {
    const { info } = await client.call(CONTAINERD_METHODS.getSnapshotInfo, {
      snapshotter,
      key: snapshotKey,
    });
    return info?.parent ?? "";
  } catch (error) {
    if (isNotFound(error)) return "";
    throw error;
  }
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
