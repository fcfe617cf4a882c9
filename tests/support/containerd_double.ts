/**
 * A double of containerd's gRPC services, as far as apps are looked up and read through them: what is
 * in its maps is what it knows. It behaves as containerd 1.6 to 2.1 do: `NOT_FOUND` comes with the
 * headers, content comes in pieces, and namespaces do not see each other. It sends no trailers.
 *
 * @module
 */

import { CONTAINERD_METHODS } from "../../shim/proto/containerd_api.ts";
import { decodeMessage } from "../../shim/proto/decode.ts";
import { encodeMessage } from "../../shim/proto/encode.ts";
import type { MessageInit, MessageType } from "../../shim/proto/schema.ts";
import { digestOf, jsonBlob, type OciImage } from "./oci_layout.ts";

/** What it knows of a container. */
export interface KnownContainer {
  readonly image?: string;
  readonly snapshotKey?: string;
}

/** One namespace. */
export interface KnownNamespace {
  readonly containers: Map<string, KnownContainer>;
  /** Name → what it points to. */
  readonly images: Map<string, { mediaType: string; digest: string; size: number }>;
  /** Digest → bytes; wrong ones are sent as they are. */
  readonly content: Map<string, Uint8Array>;
  /** Key → parent. */
  readonly snapshots: Map<string, string>;
}

type Answer = { readonly code: number; readonly message: string } | Uint8Array[];

/** Bytes of one piece of content. */
const PIECE_BYTES = 100_000;

const NOT_FOUND = 5;

/** The double. Whoever made it closes it. */
export class ContainerdDouble implements AsyncDisposable {
  readonly namespaces = new Map<string, KnownNamespace>();
  /** Paths of all calls, in order. */
  readonly calls: string[] = [];
  /** Path of its socket. */
  readonly socket: string;
  readonly #server: Deno.HttpServer<Deno.UnixAddr>;
  readonly #directory: string;

  /** Listens on a socket of its own. */
  constructor() {
    this.#directory = Deno.makeTempDirSync({ prefix: "containerd-" });
    this.socket = `${this.#directory}/containerd.sock`;
    this.#server = Deno.serve({
      path: this.socket,
      onListen: () => {},
      handler: (request) => this.#serve(request),
    });
  }

  /** A namespace, made if there is none. */
  namespace(name: string): KnownNamespace {
    const found = this.namespaces.get(name) ?? {
      containers: new Map(),
      images: new Map(),
      content: new Map(),
      snapshots: new Map(),
    };
    this.namespaces.set(name, found);
    return found;
  }

  /** Has an image. @returns Its manifest's digest. */
  pull(image: OciImage, namespace = "k8s.io"): string {
    const { images, content } = this.namespace(namespace);
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const blobs = [image.config, ...image.layers];
    const [config, ...layers] = blobs.map(({ mediaType, data }) => ({
      mediaType,
      digest: digestOf(data),
      size: data.length,
    }));
    const manifest = jsonBlob(mediaType, { schemaVersion: 2, mediaType, config, layers });
    for (const { data } of [manifest, ...blobs]) content.set(digestOf(data), data);
    const digest = digestOf(manifest.data);
    images.set(image.name, { mediaType, digest, size: manifest.data.length });
    return digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #serve(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    this.calls.push(path);
    const message = (await request.bytes()).subarray(5);
    const namespace = request.headers.get("containerd-namespace") ?? "";
    const answer = this.#answer(path, { namespace, message });
    const type = { "content-type": "application/grpc" };
    if (Array.isArray(answer)) {
      return new Response(ReadableStream.from(answer.map(frame)), { headers: type });
    }
    const { code, message: text } = answer;
    const status = { "grpc-status": String(code), "grpc-message": encodeURIComponent(text) };
    return new Response(null, { headers: { ...type, ...status } });
  }

  #answer(
    path: string,
    { namespace, message }: { namespace: string; message: Uint8Array },
  ): Answer {
    const { containers, images, content, snapshots } = this.namespace(namespace);
    const methods = CONTAINERD_METHODS;
    switch (path) {
      case methods.getContainer.path: {
        const { id } = decodeMessage(methods.getContainer.request, message);
        const found = containers.get(id);
        if (!found) return notFound("container", id);
        const { image = "", snapshotKey = "" } = found;
        return one(methods.getContainer.response, {
          container: { id, image, snapshotter: "overlayfs", snapshotKey },
        });
      }
      case methods.getImage.path: {
        const { name } = decodeMessage(methods.getImage.request, message);
        const target = images.get(name);
        if (!target) return notFound("image", name);
        return one(methods.getImage.response, { image: { name, target } });
      }
      case methods.listImages.path:
        return one(methods.listImages.response, {
          images: [...images].map(([name, target]) => ({ name, target })),
        });
      case methods.listNamespaces.path:
        return one(methods.listNamespaces.response, {
          namespaces: [...this.namespaces.keys()].map((name) => ({ name })),
        });
      case methods.getSnapshotInfo.path: {
        const { key } = decodeMessage(methods.getSnapshotInfo.request, message);
        const parent = snapshots.get(key);
        if (parent === undefined) return notFound("snapshot", key);
        return one(methods.getSnapshotInfo.response, { info: { name: key, parent } });
      }
      case methods.getContentInfo.path: {
        const { digest } = decodeMessage(methods.getContentInfo.request, message);
        const data = content.get(digest);
        if (!data) return notFound("content", digest);
        return one(methods.getContentInfo.response, { info: { digest, size: data.length } });
      }
      case methods.readContent.path: {
        const { digest } = decodeMessage(methods.readContent.request, message);
        const data = content.get(digest);
        return data ? pieces(data) : notFound("content", digest);
      }
      default:
        return { code: 12, message: `unknown service ${path}` };
    }
  }
}

/** A message as it is sent: not compressed, with its length before it. */
function frame(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

function notFound(kind: string, name: string): Answer {
  return { code: NOT_FOUND, message: `${kind} "${name}": not found` };
}

function one<M extends MessageType>(type: M, value: MessageInit<M>): Answer {
  return [encodeMessage(type, value)];
}

function pieces(data: Uint8Array): Answer {
  const count = Math.ceil(data.length / PIECE_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const offset = index * PIECE_BYTES;
    return encodeMessage(CONTAINERD_METHODS.readContent.response, {
      offset,
      data: data.subarray(offset, offset + PIECE_BYTES),
    });
  });
}
