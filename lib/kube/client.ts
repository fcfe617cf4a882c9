/**
 * The operations of the Kubernetes API on typed objects.
 *
 * @module
 */

import { isNotFound } from "./api_error.ts";
import type { KubeTransport } from "./transport.ts";
import { apiVersion, type KubeList, type KubeObject, type ResourceType } from "./types.ts";

/** Which objects a list or watch is about. */
export interface Selection {
  /** Default: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** Where one object is. */
export interface ObjectName {
  readonly name: string;
  /** Absent for objects of the whole cluster. */
  readonly namespace?: string | undefined;
}

/** Objects per page of a list. */
const PAGE = 500;

/** What the API server answers with instead of whole objects: their metadata only. */
const METADATA_ACCEPT =
  "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

/** Reads and writes objects. Failures are {@link ApiError}s, or {@link ConnectionError}s. */
export class KubeClient {
  readonly transport: KubeTransport;
  readonly #fieldManager: string;

  /** @param options.fieldManager Under which name changes are recorded in the objects. */
  constructor(transport: KubeTransport, options: { fieldManager: string }) {
    this.transport = transport;
    this.#fieldManager = options.fieldManager;
  }

  async get<T extends KubeObject>(type: ResourceType<T>, name: ObjectName): Promise<T> {
    return await this.transport.json<T>({ method: "GET", path: objectPath(type, name) });
  }

  /** Like {@link get}; undefined if there is no such object. */
  async find<T extends KubeObject>(
    type: ResourceType<T>,
    name: ObjectName,
  ): Promise<T | undefined> {
    try {
      return await this.get(type, name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** One page of a list. */
  async listPage<T extends KubeObject>(
    type: ResourceType<T>,
    options: Selection & {
      continue?: string | undefined;
      resourceVersion?: string | undefined;
      metadataOnly?: boolean;
      signal?: AbortSignal | undefined;
    } = {},
  ): Promise<KubeList<T>> {
    return await this.transport.json<KubeList<T>>({
      method: "GET",
      path: collectionPath(type, options.namespace),
      query: {
        ...selectors(options),
        limit: PAGE,
        continue: options.continue,
        resourceVersion: options.resourceVersion,
      },
      ...(options.metadataOnly ? { accept: METADATA_ACCEPT } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  /** All objects of a selection, page after page. */
  async list<T extends KubeObject>(type: ResourceType<T>, selection: Selection = {}): Promise<T[]> {
    const items: T[] = [];
    let next: string | undefined;
    do {
      const page = await this.listPage(type, { ...selection, continue: next });
      items.push(...page.items ?? []);
      next = page.metadata.continue || undefined;
    } while (next !== undefined);
    return items;
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T): Promise<T> {
    return await this.transport.json<T>({
      method: "POST",
      path: collectionPath(type, object.metadata.namespace),
      query: { fieldManager: this.#fieldManager },
      body: withType(type, object),
    });
  }

  /** Replaces an object. Refused as a conflict if it has changed since it was read. */
  async update<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    options: { subresource?: string } = {},
  ): Promise<T> {
    return await this.transport.json<T>({
      method: "PUT",
      path: objectPath(type, object.metadata, options.subresource),
      query: { fieldManager: this.#fieldManager },
      body: withType(type, object),
    });
  }

  /** Changes the fields of a merge patch (RFC 7386), null removing one. */
  async mergePatch<T extends KubeObject>(
    type: ResourceType<T>,
    name: ObjectName,
    options: { patch: unknown; subresource?: string },
  ): Promise<T> {
    return await this.transport.json<T>({
      method: "PATCH",
      path: objectPath(type, name, options.subresource),
      query: { fieldManager: this.#fieldManager },
      contentType: "application/merge-patch+json",
      body: options.patch,
      isRepeatable: true,
    });
  }

  /**
   * Server-side apply: the object gets these fields, and loses those that this manager applied before
   * and does not name now. Fields of other managers stay.
   * @param options.force Take fields over from other managers. Default: true.
   */
  async apply<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    options: { force?: boolean; subresource?: string; dryRun?: boolean } = {},
  ): Promise<T> {
    return await this.transport.json<T>({
      method: "PATCH",
      path: objectPath(type, object.metadata, options.subresource),
      query: {
        fieldManager: this.#fieldManager,
        force: options.force ?? true,
        dryRun: options.dryRun ? "All" : undefined,
      },
      contentType: "application/apply-patch+yaml",
      body: withType(type, object),
      isRepeatable: true,
    });
  }

  /**
   * Deletes an object. One that is gone already is fine.
   * @param options.uid Only the object with this uid; another one of the name stays.
   * @returns Whether there was one.
   */
  async delete(
    type: ResourceType,
    name: ObjectName,
    options: { uid?: string; propagation?: "Foreground" | "Background" | "Orphan" } = {},
  ): Promise<boolean> {
    try {
      const response = await this.transport.send({
        method: "DELETE",
        path: objectPath(type, name),
        body: {
          kind: "DeleteOptions",
          apiVersion: "v1",
          propagationPolicy: options.propagation ?? "Background",
          ...(options.uid === undefined ? {} : { preconditions: { uid: options.uid } }),
        },
      });
      await response.body?.cancel();
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** The raw stream of a watch: one JSON event a line. The caller reads or cancels it. */
  async watchStream(
    type: ResourceType,
    options: Selection & {
      resourceVersion: string;
      timeoutSeconds: number;
      metadataOnly?: boolean;
      signal: AbortSignal;
    },
  ): Promise<ReadableStream<Uint8Array>> {
    const response = await this.transport.send({
      method: "GET",
      path: collectionPath(type, options.namespace),
      query: {
        ...selectors(options),
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion: options.resourceVersion,
        timeoutSeconds: options.timeoutSeconds,
      },
      ...(options.metadataOnly
        ? {
          accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json",
        }
        : {}),
      signal: options.signal,
      isRepeatable: false,
    });
    return response.body!;
  }
}

/** `/apis/apps/v1/namespaces/default/deployments`. */
export function collectionPath(type: ResourceType, namespace: string | undefined): string {
  const root = type.group === "" ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.isNamespaced && namespace
    ? `/namespaces/${encodeURIComponent(namespace)}`
    : "";
  return `${root}${scope}/${type.plural}`;
}

/** The path of one object, or of one of its subresources. */
export function objectPath(type: ResourceType, name: ObjectName, subresource?: string): string {
  const path = `${collectionPath(type, name.namespace)}/${encodeURIComponent(name.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

function selectors({ labelSelector, fieldSelector }: Selection): Record<string, string> {
  return {
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

function withType<T extends KubeObject>(type: ResourceType<T>, object: T): T {
  return { ...object, apiVersion: apiVersion(type), kind: type.kind };
}
