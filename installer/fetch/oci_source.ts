/**
 * Archives of shims in OCI registries: an artifact of one layer, for one platform or several.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { fetchErrorText } from "../../lib/fetch_error.ts";
import { NodeError } from "../node/node_error.ts";

/** Where an archive is, after the registry was asked. */
export interface OciArchive {
  /** URL of the layer. */
  readonly location: string;
  readonly authorization: string | undefined;
  /** SHA-256 that the layer must have, in hexadecimal. */
  readonly sha256: string;
}

/** What is needed to ask a registry. */
export interface OciOptions {
  /** `oci://HOST/NAME:TAG` or `oci://HOST/NAME@sha256:…`; `oci+http:` without TLS. */
  readonly location: string;
  /** The node's architecture. */
  readonly arch: string;
  /** Credentials by registry, as in Docker's `config.json`. */
  readonly registryConfig?: string | undefined;
  readonly fetch: typeof fetch;
}

interface Reference {
  /** `https://host/v2/name` */
  readonly base: string;
  readonly host: string;
  readonly name: string;
  /** Tag or digest. */
  readonly reference: string;
}

const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
/** Go's names of architectures. */
const GO_ARCH: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };
/** Indexes do not lead to indexes without end. */
const MAX_DEPTH = 3;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 60_000;

/** Whether a location is one in a registry. */
export function isOciLocation(location: string): boolean {
  return /^oci(?:\+http)?:\/\//.test(location);
}

/**
 * Asks a registry for the archive.
 * @throws {NodeError} if it does not have it, or has something else.
 */
export async function resolveOci(options: OciOptions): Promise<OciArchive> {
  const reference = parseReference(options.location);
  const registry = new Registry(reference, options);
  let manifest = await registry.readManifest(reference.reference);
  for (let depth = 0; manifest.manifests !== undefined; depth++) {
    if (depth === MAX_DEPTH) throw refuse(reference, "its indexes are nested too deep");
    const digest = choosePlatform(manifest.manifests, options.arch);
    if (digest === undefined) throw refuse(reference, `it has nothing for ${options.arch}`);
    manifest = await registry.readManifest(digest);
  }
  const [layer, ...others] = manifest.layers ?? [];
  if (layer === undefined || others.length > 0) {
    throw refuse(reference, `it has ${manifest.layers?.length ?? 0} layers, and one is needed`);
  }
  const [, sha256] = /^sha256:([0-9a-f]{64})$/.exec(String(layer.digest)) ?? [];
  if (sha256 === undefined) throw refuse(reference, "its layer has no SHA-256");
  return {
    location: `${reference.base}/blobs/sha256:${sha256}`,
    authorization: registry.authorization,
    sha256,
  };
}

function parseReference(location: string): Reference {
  const [, insecure, host, name, tag, digest] =
    /^oci(\+http)?:\/\/([^/@]+)\/([a-z0-9._/-]+?)(?::([\w][\w.-]*))?(?:@(sha256:[0-9a-f]{64}))?$/
      .exec(location) ?? [];
  if (host === undefined || name === undefined) {
    throw new NodeError(
      "InstallFailed",
      `"${location}" is no artifact of a registry: write oci://HOST/NAME:TAG.`,
    );
  }
  return {
    base: `${insecure ? "http" : "https"}://${host}/v2/${name}`,
    host,
    name,
    reference: digest ?? tag ?? "latest",
  };
}

function refuse(
  { host, name, reference }: Reference,
  reason: string,
  options?: ErrorOptions,
): NodeError {
  const separator = reference.startsWith("sha256:") ? "@" : ":";
  return new NodeError(
    "VerificationFailed",
    `"${host}/${name}${separator}${reference}" cannot be used: ${reason}.`,
    options,
  );
}

interface Manifest {
  readonly manifests?: readonly {
    readonly digest?: unknown;
    readonly platform?: { readonly os?: unknown; readonly architecture?: unknown };
  }[];
  readonly layers?: readonly { readonly digest?: unknown }[];
}

function choosePlatform(
  manifests: NonNullable<Manifest["manifests"]>,
  arch: string,
): string | undefined {
  const found = manifests.find(({ platform }) =>
    platform?.os === "linux" && platform.architecture === GO_ARCH[arch]
  );
  return typeof found?.digest === "string" ? found.digest : undefined;
}

/** One repository of a registry. */
class Registry {
  readonly #reference: Reference;
  readonly #options: OciOptions;
  authorization: string | undefined;

  constructor(reference: Reference, options: OciOptions) {
    this.#reference = reference;
    this.#options = options;
    this.authorization = basicFor(reference.host, options.registryConfig);
  }

  /** @param reference Tag or digest; what a digest leads to is verified. */
  async readManifest(reference: string): Promise<Manifest> {
    const bytes = await this.#get(`${this.#reference.base}/manifests/${reference}`);
    const [, expected] = /^sha256:(.*)$/.exec(reference) ?? [];
    const actual = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    if (expected !== undefined && actual !== expected) {
      throw refuse(this.#reference, `the registry answers with sha256:${actual} instead`);
    }
    try {
      const manifest = JSON.parse(new TextDecoder().decode(bytes));
      if (typeof manifest !== "object" || manifest === null) throw new Error("it is no object");
      return manifest;
    } catch (error) {
      throw refuse(this.#reference, `its manifest is none (${errorText(error)})`, {
        cause: error,
      });
    }
  }

  async #get(url: string): Promise<Uint8Array<ArrayBuffer>> {
    let response = await this.#fetch(url, this.authorization);
    const challenge = response.headers.get("www-authenticate");
    if (response.status === 401 && challenge?.toLowerCase().startsWith("bearer ")) {
      await response.body?.cancel();
      this.authorization = await this.#askForToken(challenge);
      response = await this.#fetch(url, this.authorization);
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw refuse(this.#reference, `the registry answers with status ${response.status}`);
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length > MAX_MANIFEST_BYTES) {
      throw refuse(this.#reference, "its manifest is too large");
    }
    return bytes;
  }

  async #fetch(url: string, authorization: string | undefined): Promise<Response> {
    const headers = { accept: MANIFESTS, ...(authorization !== undefined && { authorization }) };
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      return await this.#options.fetch(url, { headers, signal });
    } catch (error) {
      throw new NodeError(
        "InstallFailed",
        `The registry "${this.#reference.host}" cannot be reached: ${fetchErrorText(error)}`,
        { cause: error },
      );
    }
  }

  async #askForToken(challenge: string): Promise<string> {
    const fields = new Map(
      [...challenge.matchAll(/([a-z]+)="([^"]*)"/gi)].map(([, key, value]) =>
        [key!.toLowerCase(), value!] as const
      ),
    );
    const url = URL.parse(fields.get("realm") ?? "");
    if (url === null) throw refuse(this.#reference, "the registry does not say where to log in");
    for (const key of ["service", "scope"]) {
      const value = fields.get(key);
      if (value !== undefined) url.searchParams.set(key, value);
    }
    const response = await this.#fetch(url.href, this.authorization);
    if (!response.ok) {
      await response.body?.cancel();
      throw refuse(this.#reference, `logging in fails with status ${response.status}`);
    }
    const { token, access_token: access } = await response.json();
    return `Bearer ${token ?? access}`;
  }
}

/** The credentials for a registry. @throws {NodeError} if the text is no configuration of Docker. */
export function basicFor(host: string, registryConfig: string | undefined): string | undefined {
  if (registryConfig === undefined) return undefined;
  let auths: Record<string, { auth?: unknown; username?: unknown; password?: unknown }>;
  try {
    auths = JSON.parse(registryConfig).auths ?? {};
  } catch (error) {
    throw new NodeError(
      "InstallFailed",
      `The registry credentials are no JSON: ${errorText(error)}`,
      {
        cause: error,
      },
    );
  }
  for (const [key, { auth, username, password }] of Object.entries(auths)) {
    if (key.replace(/^https?:\/\//, "").split("/", 1)[0] !== host) continue;
    if (typeof auth === "string") return `Basic ${auth}`;
    return `Basic ${new TextEncoder().encode(`${username}:${password}`).toBase64()}`;
  }
  return undefined;
}
