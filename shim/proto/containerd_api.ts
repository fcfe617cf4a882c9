/**
 * The messages of containerd's own gRPC services that a shim needs: which image and which layers a
 * container was made of, and the image's blobs.
 *
 * @module
 */

import { DESCRIPTOR } from "./containerd_types.ts";
import {
  bytes,
  int32,
  int64,
  map,
  message,
  type MessageOf,
  nested,
  repeated,
  string,
} from "./schema.ts";
import { ANY, TIMESTAMP } from "./well_known.ts";

const CONTAINERS = "containerd.services.containers.v1";
const IMAGES = "containerd.services.images.v1";
const CONTENT = "containerd.services.content.v1";
const SNAPSHOTS = "containerd.services.snapshots.v1";
const NAMESPACES = "containerd.services.namespaces.v1";

/** A container's record, whether it runs or not. */
export const CONTAINER = message(`${CONTAINERS}.Container`, {
  id: string(1),
  labels: map(string(2)),
  /** Name of the image; empty for containers made from a directory. */
  image: string(3),
  runtime: nested(
    4,
    message(`${CONTAINERS}.Container.Runtime`, { name: string(1), options: nested(2, ANY) }),
  ),
  spec: nested(5, ANY),
  snapshotter: string(6),
  snapshotKey: string(7),
  createdAt: nested(8, TIMESTAMP),
  updatedAt: nested(9, TIMESTAMP),
  extensions: map(nested(10, ANY)),
  sandbox: string(11),
});
/** See {@link CONTAINER}. */
export type Container = MessageOf<typeof CONTAINER>;

/** An image's record: a name for a blob. */
export const IMAGE = message(`${IMAGES}.Image`, {
  name: string(1),
  labels: map(string(2)),
  target: nested(3, DESCRIPTOR),
  createdAt: nested(7, TIMESTAMP),
  updatedAt: nested(8, TIMESTAMP),
});
/** See {@link IMAGE}. */
export type Image = MessageOf<typeof IMAGE>;

/** A blob's record. */
export const CONTENT_INFO = message(`${CONTENT}.Info`, {
  digest: string(1),
  size: int64(2),
  createdAt: nested(3, TIMESTAMP),
  updatedAt: nested(4, TIMESTAMP),
  labels: map(string(5)),
});
/** See {@link CONTENT_INFO}. */
export type ContentInfo = MessageOf<typeof CONTENT_INFO>;

/** A snapshot's record: one layer of a root file system, upon its parent. */
export const SNAPSHOT_INFO = message(`${SNAPSHOTS}.Info`, {
  name: string(1),
  /** For the topmost layer of an image: a digest of all of its layers. */
  parent: string(2),
  kind: int32(3),
  createdAt: nested(4, TIMESTAMP),
  updatedAt: nested(5, TIMESTAMP),
  labels: map(string(6)),
});
/** See {@link SNAPSHOT_INFO}. */
export type SnapshotInfo = MessageOf<typeof SNAPSHOT_INFO>;

/** A namespace's record. */
export const NAMESPACE = message(`${NAMESPACES}.Namespace`, {
  name: string(1),
  labels: map(string(2)),
});
/** See {@link NAMESPACE}. */
export type Namespace = MessageOf<typeof NAMESPACE>;

/**
 * Calls, with the path of their URL. `readContent` is answered by any number of messages, the others
 * by one.
 */
export const CONTAINERD_METHODS = {
  getContainer: {
    path: `/${CONTAINERS}.Containers/Get`,
    request: message(`${CONTAINERS}.GetContainerRequest`, { id: string(1) }),
    response: message(`${CONTAINERS}.GetContainerResponse`, { container: nested(1, CONTAINER) }),
  },
  getImage: {
    path: `/${IMAGES}.Images/Get`,
    request: message(`${IMAGES}.GetImageRequest`, { name: string(1) }),
    response: message(`${IMAGES}.GetImageResponse`, { image: nested(1, IMAGE) }),
  },
  listImages: {
    path: `/${IMAGES}.Images/List`,
    /** As `target.digest==sha256:…`; images that fit any of them. */
    request: message(`${IMAGES}.ListImagesRequest`, { filters: repeated(string(1)) }),
    response: message(`${IMAGES}.ListImagesResponse`, { images: repeated(nested(1, IMAGE)) }),
  },
  getSnapshotInfo: {
    path: `/${SNAPSHOTS}.Snapshots/Stat`,
    request: message(`${SNAPSHOTS}.StatSnapshotRequest`, {
      snapshotter: string(1),
      key: string(2),
    }),
    response: message(`${SNAPSHOTS}.StatSnapshotResponse`, { info: nested(1, SNAPSHOT_INFO) }),
  },
  listNamespaces: {
    path: `/${NAMESPACES}.Namespaces/List`,
    request: message(`${NAMESPACES}.ListNamespacesRequest`, { filter: string(1) }),
    response: message(`${NAMESPACES}.ListNamespacesResponse`, {
      namespaces: repeated(nested(1, NAMESPACE)),
    }),
  },
  getContentInfo: {
    path: `/${CONTENT}.Content/Info`,
    request: message(`${CONTENT}.InfoRequest`, { digest: string(1) }),
    response: message(`${CONTENT}.InfoResponse`, { info: nested(1, CONTENT_INFO) }),
  },
  readContent: {
    path: `/${CONTENT}.Content/Read`,
    request: message(`${CONTENT}.ReadContentRequest`, {
      digest: string(1),
      offset: int64(2),
      /** 0: all of it. */
      size: int64(3),
    }),
    response: message(`${CONTENT}.ReadContentResponse`, { offset: int64(1), data: bytes(2) }),
  },
} as const;
