/**
 * A client of registries (OCI distribution specification 1.1): manifests and blobs, both ways.
 *
 * @module
 */

import { errorText, TerminalError } from "../errors.ts";
import { nodeCrypto } from "../node_builtins.ts";
import { type BlobName, type BlobSource, digestOf } from "./blob.ts";
import { RegistryError } from "./registry_error.ts";
import { RegistryHttp, type RegistryOptions } from "./registry_http.ts";

/** A manifest as the registry has it. */
export interface PulledManifest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mediaType: string;
  readonly digest: string;
}

/** Options of {@link RegistryClient.pushBlob}. */
export interface PushBlobOptions {
  /** Repository of the same registry that may have the blob. */
  readonly mountFrom?: string | undefined;
  /** Told how many more bytes have arrived; negative if some are sent again. */
  readonly onBytes?: (count: number) => void;
}

/** How a blob came to the registry. */
export type PushedBlob = "there" | "mounted" | "uploaded";

/** Larger blobs are sent in parts, so that a cut costs one part. */
const WHOLE_BYTES = 16 << 20;
/** Of one part; some registries take no more. */
const PART_BYTES = 4 << 20;
/** Cuts of one transfer, without progress in between, until it is given up. */
const MAX_CUTS = 5;
const STALL_MS = 60_000;
/** Manifests are small; what is larger is something else. */
const MAX_MANIFEST_BYTES = 8 << 20;

/** A registry. */
export class RegistryClient {
  readonly #http: RegistryHttp;
  readonly #registry: string;
  readonly #stallMs: number;

  constructor(options: RegistryOptions) {
    this.#http = new RegistryHttp(options);
    this.#registry = options.registry;
    this.#stallMs = options.stallMs ?? STALL_MS;
  }

  /**
   * Makes sure that the registry is one, and takes the login.
   * @throws {RegistryError} if not.
   */
  async checkLogin(): Promise<void> {
    const answer = await this.#http.send({ method: "GET", path: "", task: "log in", scope: "" });
    await answer.body?.cancel();
  }

  /**
   * Pulls a manifest by tag or digest, and verifies it if its digest is known.
   * @throws {RegistryError} if it cannot be had.
   * @throws {TerminalError} if it is not the one that was asked for.
   */
  async pullManifest(
    repository: string,
    { reference, accept }: { reference: string; accept: readonly string[] },
  ): Promise<PulledManifest> {
    const task = `pull the manifest of "${repository}:${reference}"`;
    const answer = await this.#http.send({
      method: "GET",
      path: `${repository}/manifests/${reference}`,
      task,
      scope: `repository:${repository}:pull`,
      headers: { accept: accept.join(", ") },
    });
    const bytes = await readAtMost(answer, MAX_MANIFEST_BYTES);
    if (bytes === undefined) throw new RegistryError(`Cannot ${task}: it is too large`);
    const digest = digestOf(bytes);
    const expected = reference.includes(":")
      ? reference
      : answer.headers.get("docker-content-digest") ?? digest;
    if (expected.startsWith("sha256:") && expected !== digest) {
      throw damaged(task, { expected, found: digest });
    }
    const mediaType = (answer.headers.get("content-type") ?? "").split(";", 1)[0]!.trim();
    return { bytes, mediaType, digest };
  }

  /** Stores a manifest. @returns The digest that the registry tells; undefined if it tells none. */
  async pushManifest(
    repository: string,
    options: { tag: string; bytes: Uint8Array<ArrayBuffer>; mediaType: string },
  ): Promise<string | undefined> {
    const { tag, bytes, mediaType } = options;
    const answer = await this.#http.send({
      method: "PUT",
      path: `${repository}/manifests/${tag}`,
      task: `push the manifest of "${repository}:${tag}"`,
      scope: pushScope(repository),
      headers: { "content-type": mediaType },
      body: bytes,
    });
    await answer.body?.cancel();
    const location = answer.headers.get("location") ?? "";
    return answer.headers.get("docker-content-digest") ??
      /\/(sha\d+:[0-9a-f]+)$/.exec(location)?.[1];
  }

  /**
   * Makes sure that the repository has a blob: finds it there, mounts it from another repository, or
   * uploads it. An upload that is cut goes on where it was cut.
   *
   * @throws {RegistryError} if it cannot be.
   */
  async pushBlob(
    repository: string,
    blob: BlobSource,
    options: PushBlobOptions = {},
  ): Promise<PushedBlob> {
    if (await this.#hasBlob(repository, blob)) return "there";
    const session = await this.#startUpload({ repository, blob, mountFrom: options.mountFrom });
    if (session === undefined) return "mounted";
    await this.#upload({ repository, blob, session, onBytes: options.onBytes ?? (() => {}) });
    return "uploaded";
  }

  async #hasBlob(repository: string, { digest }: BlobName): Promise<boolean> {
    const answer = await this.#http.send({
      method: "HEAD",
      path: `${repository}/blobs/${digest}`,
      task: `push to "${repository}"`,
      scope: pushScope(repository),
      accepted: [404],
    });
    await answer.body?.cancel();
    return answer.ok;
  }

  /** @returns The address of the upload; undefined if the blob was mounted. */
  async #startUpload({ repository, blob, mountFrom }: {
    repository: string;
    blob: BlobSource;
    mountFrom: string | undefined;
  }): Promise<string | undefined> {
    const mount = mountFrom === undefined
      ? ""
      : `?mount=${encodeURIComponent(blob.digest)}&from=${encodeURIComponent(mountFrom)}`;
    const answer = await this.#http.send({
      method: "POST",
      path: `${repository}/blobs/uploads/${mount}`,
      task: `push the blob ${blob.digest} to "${repository}"`,
      scope: pushScope(repository) +
        (mountFrom === undefined ? "" : ` repository:${mountFrom}:pull`),
      headers: { "content-length": "0" },
    });
    await answer.body?.cancel();
    if (answer.status === 201) return undefined;
    return nextLocation(answer);
  }

  async #upload(upload: Upload): Promise<void> {
    const state = { ...upload, offset: 0, isWhole: upload.blob.size <= WHOLE_BYTES };
    for (let [cuts, furthest] = [0, 0];;) {
      try {
        await this.#sendRest(state);
        return;
      } catch (error) {
        // An upload that begins again and again does not get on.
        cuts = state.offset > furthest ? 1 : cuts + 1;
        furthest = Math.max(furthest, state.offset);
        const isFinal = error instanceof RegistryError && error.status !== undefined &&
          error.status < 500 && ![404, 408, 416, 429].includes(error.status);
        if (!(error instanceof RegistryError) || isFinal || cuts >= MAX_CUTS) throw error;
        await this.#resume(state);
      }
    }
  }

  /** Sends what is missing; `state.offset` tells how far it came. */
  async #sendRest(state: UploadState): Promise<void> {
    const { blob } = state;
    while (!state.isWhole && state.offset < blob.size) {
      const bytes = await blob.read(state.offset, PART_BYTES);
      const answer = await this.#http.send({
        ...uploadRequest(state),
        method: "PATCH",
        path: state.session,
        headers: {
          "content-type": "application/octet-stream",
          "content-range": `${state.offset}-${state.offset + bytes.length - 1}`,
        },
        body: bytes,
      });
      await answer.body?.cancel();
      state.session = nextLocation(answer);
      state.offset += bytes.length;
      state.onBytes(bytes.length);
    }
    const body = await blob.read(state.offset, blob.size - state.offset);
    const url = new URL(state.session);
    url.searchParams.set("digest", blob.digest);
    const answer = await this.#http.send({
      ...uploadRequest(state),
      method: "PUT",
      path: url.href,
      headers: { "content-type": "application/octet-stream" },
      body,
    });
    await answer.body?.cancel();
    state.onBytes(body.length);
  }

  /** Asks how much has arrived, and starts again if nobody knows. */
  async #resume(state: UploadState): Promise<void> {
    const before = state.offset;
    const answer = await this.#http.send({
      ...uploadRequest(state),
      method: "GET",
      path: state.session,
      accepted: [400, 404, 405],
      isOnce: false,
    });
    await answer.body?.cancel();
    const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(answer.headers.get("range") ?? "") ?? [];
    state.isWhole = false;
    if (answer.ok && last !== undefined && Number(last) < state.blob.size) {
      // `0-0` stands for nothing as well as for one byte; nothing is the one that happens.
      state.offset = last === "0" ? 0 : Number(last) + 1;
      state.session = nextLocation(answer, state.session);
    } else {
      const { repository, blob } = state;
      const session = await this.#startUpload({ repository, blob, mountFrom: undefined });
      state.offset = 0;
      // Without `mount` the answer is never 201.
      state.session = session!;
    }
    state.onBytes(state.offset - before);
  }

  /**
   * Pulls a blob into a file that appears only when it is whole and right. A download that is cut goes
   * on where it was cut.
   *
   * @throws {RegistryError} if it cannot be had.
   * @throws {TerminalError} if its content is not what its name says.
   */
  async pullBlob(
    repository: string,
    { blob, path, onBytes = () => {} }: {
      blob: BlobName;
      path: string;
      onBytes?: (count: number) => void;
    },
  ): Promise<void> {
    const temporary = `${path}.${crypto.randomUUID()}`;
    try {
      await this.#pullTo(temporary, { repository, blob, onBytes });
      await Deno.rename(temporary, path);
    } catch (error) {
      // It may not even have been made; the first error is the one that tells why.
      await Deno.remove(temporary).catch(() => {});
      throw error;
    }
  }

  async #pullTo(
    path: string,
    { repository, blob, onBytes }: Pick<Download, "repository" | "blob" | "onBytes">,
  ): Promise<void> {
    using file = await Deno.open(path, { write: true, create: true, truncate: true });
    const state = { hash: nodeCrypto().createHash("sha256"), offset: 0 };
    for (let cuts = 0; state.offset < blob.size;) {
      const before = state.offset;
      try {
        await this.#download({ repository, blob, file, state, onBytes });
      } catch (error) {
        cuts = state.offset > before ? 1 : cuts + 1;
        const isCut = error instanceof RegistryError && error.status === undefined &&
          !error.isFinal;
        if (!isCut || cuts >= MAX_CUTS) throw error;
      }
    }
    const found = `sha256:${state.hash.digest("hex")}`;
    if (found === blob.digest) return;
    throw damaged(`pull the blob ${blob.digest} of "${repository}"`, {
      expected: blob.digest,
      found,
    });
  }

  async #download({ repository, blob, file, state, onBytes }: Download): Promise<void> {
    const { digest, size } = blob;
    const task = `pull the blob ${digest} of "${repository}"`;
    const answer = await this.#http.send({
      method: "GET",
      path: `${repository}/blobs/${digest}`,
      task,
      scope: `repository:${repository}:pull`,
      ...(state.offset === 0 ? {} : { headers: { range: `bytes=${state.offset}-` } }),
    });
    // Servers may ignore `Range` and send everything again.
    let skip = answer.status === 206 ? 0 : state.offset;
    const chunks = withoutStalls(answer.body, {
      limitMs: this.#stallMs,
      cut: (error) =>
        new RegistryError(
          `Cannot ${task} at ${this.#registry}: the answer was cut (${errorText(error)})`,
          { cause: error },
        ),
    });
    for await (const chunk of chunks) {
      const bytes = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - bytes.length;
      if (state.offset + bytes.length > size) {
        throw damaged(task, { expected: `${size} bytes`, found: "more" });
      }
      await writeAll(file, bytes);
      state.hash.update(bytes);
      state.offset += bytes.length;
      onBytes(bytes.length);
    }
    if (state.offset < size) {
      throw new RegistryError(
        `Cannot ${task} at ${this.#registry}: it ended after ${state.offset} of ${size} bytes`,
      );
    }
  }
}

interface Upload {
  readonly repository: string;
  readonly blob: BlobSource;
  session: string;
  readonly onBytes: (count: number) => void;
}

interface UploadState extends Upload {
  /** Bytes that have arrived. */
  offset: number;
  /** Whether all is sent at once. */
  isWhole: boolean;
}

interface Download {
  readonly repository: string;
  readonly blob: BlobName;
  readonly file: Deno.FsFile;
  readonly state: { readonly hash: { update(bytes: Uint8Array): unknown }; offset: number };
  readonly onBytes: (count: number) => void;
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await file.write(rest));
}

function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`;
}

/** What requests of an upload share; what to do after a failure is found out by asking. */
function uploadRequest(
  { repository, blob }: Upload,
): { task: string; scope: string; isOnce: boolean } {
  return {
    task: `push the blob ${blob.digest} to "${repository}"`,
    scope: pushScope(repository),
    isOnce: true,
  };
}

/** Where an upload goes on, as a whole URL. */
function nextLocation(answer: Response, fallback?: string): string {
  const location = answer.headers.get("location") ?? fallback;
  if (location === undefined) {
    throw new RegistryError("The registry does not tell where to upload to", {
      status: answer.status,
    });
  }
  return new URL(location, answer.url).href;
}

function damaged(
  task: string,
  { expected, found }: { expected: string; found: string },
): TerminalError {
  return new TerminalError(
    "DamagedContent",
    `Cannot ${task}: the content is not what its name says (expected ${expected}, found ${found})`,
  );
}

/**
 * The chunks of a body.
 * @param options.cut Makes the error that is thrown if it breaks, or the next one does not come in time.
 */
async function* withoutStalls(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  { limitMs, cut }: { limitMs: number; cut: (error: unknown) => Error },
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (!body) return;
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await readInTime(reader, limitMs).catch((error) => {
        throw cut(error);
      });
      if (done) return;
      yield value;
    }
  } finally {
    // What is left of it is not waited for; nothing is, if it was read to its end.
    void reader.cancel().catch(() => {});
  }
}

async function readInTime<T>(
  reader: ReadableStreamDefaultReader<T>,
  limitMs: number,
): Promise<ReadableStreamReadResult<T>> {
  const stall = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => stall.reject(new Error(`nothing came for ${limitMs / 1000} seconds`)),
    limitMs,
  );
  try {
    return await Promise.race([reader.read(), stall.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The body; undefined if it is longer. */
async function readAtMost(
  answer: Response,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    if (length > limit) return undefined;
    parts.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
