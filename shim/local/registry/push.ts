/**
 * Pushing an app.
 *
 * @module
 */

import { type OciReference } from "../../../lib/oci/reference.ts";
import type { RegistryClient } from "../../../lib/oci/registry_client.ts";
import { join } from "../../../lib/path.ts";
import { type Artifact, buildManifest, type Layer } from "./artifact.ts";
import { forEachParallel } from "./parallel.ts";

/** Options of {@link pushArtifact}. */
export interface PushOptions {
  readonly client: RegistryClient;
  /** Where to; without a tag, `latest`. */
  readonly reference: OciReference;
  readonly annotations: Readonly<Record<string, string>>;
  /** Remembers which repositories have which blobs; undefined: nothing is remembered. */
  readonly cacheDir: string | undefined;
  readonly onBytes: (count: number) => void;
}

/** Blobs that are on their way at once. */
const PARALLEL = 5;

const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

/**
 * Pushes the blobs that the registry does not have, and then the manifest: an image appears whole or
 * not at all.
 *
 * @returns The digest that the registry tells; undefined if it tells none.
 * @throws {RegistryError} if it is refused or cut for good.
 */
export async function pushArtifact(
  artifact: Artifact,
  { client, reference, annotations, cacheDir, onBytes }: PushOptions,
): Promise<string | undefined> {
  const { repository } = reference;
  const blobs = [...artifact.layers, artifact.config];
  const memory = new PushMemory(cacheDir, reference.registry);
  async function pushOne({ blob }: Layer): Promise<void> {
    const known = await memory.repositoryOf(blob.digest);
    const mountFrom = known === repository ? undefined : known;
    let uploaded = 0;
    const count = (bytes: number): void => {
      uploaded += bytes;
      onBytes(bytes);
    };
    await client.pushBlob(repository, blob, { mountFrom, onBytes: count });
    onBytes(blob.size - uploaded);
    await memory.remember(blob.digest, repository);
  }
  await forEachParallel(blobs, { limit: PARALLEL, work: pushOne });
  return await client.pushManifest(repository, {
    tag: reference.tag ?? "latest",
    bytes: buildManifest(artifact, annotations),
    mediaType: MANIFEST_TYPE,
  });
}

/** Where blobs were pushed to, so that other repositories of the registry need not get them again. */
class PushMemory {
  readonly #directory: string | undefined;

  constructor(cacheDir: string | undefined, registry: string) {
    this.#directory = cacheDir &&
      join(cacheDir, "registry", "pushed", registry.replaceAll(/[:[\]]/g, "_"));
  }

  async repositoryOf(digest: string): Promise<string | undefined> {
    if (this.#directory === undefined) return undefined;
    try {
      return await Deno.readTextFile(this.#path(digest));
    } catch {
      // Not knowing costs an upload, nothing else.
      return undefined;
    }
  }

  async remember(digest: string, repository: string): Promise<void> {
    if (this.#directory === undefined) return;
    try {
      await Deno.mkdir(this.#directory, { recursive: true });
      await Deno.writeTextFile(this.#path(digest), repository);
    } catch {
      // Not remembering costs an upload, nothing else.
    }
  }

  #path(digest: string): string {
    return join(this.#directory!, digest.replace(":", "-"));
  }
}
