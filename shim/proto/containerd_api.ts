/**
 * The messages of containerd's own gRPC services that a shim needs: which image a container was made
 * of, the image's blobs, and what keeps containerd from removing them.
 *
 * @module
 */

import { DESCRIPTOR } from "./containerd_types.ts";
import {
  bool,
  bytes,
  int64,
  map,
  message,
  type MessageOf,
  nested,
  repeated,
  string,
} from "./schema.ts";
import { ANY, EMPTY, FIELD_MASK, TIMESTAMP } from "./well_known.ts";

const CONTAINERS = "containerd.services.containers.v1";
const IMAGES = "containerd.services.images.v1";
const CONTENT = "containerd.services.content.v1";
const LEASES = "containerd.services.leases.v1";

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

/** A blob's record. Labels say what it keeps alive. */
export const CONTENT_INFO = message(`${CONTENT}.Info`, {
  digest: string(1),
  size: int64(2),
  createdAt: nested(3, TIMESTAMP),
  updatedAt: nested(4, TIMESTAMP),
  labels: map(string(5)),
});
/** See {@link CONTENT_INFO}. */
export type ContentInfo = MessageOf<typeof CONTENT_INFO>;

/** Something that keeps resources from being removed. */
export const LEASE = message(`${LEASES}.Lease`, {
  id: string(1),
  createdAt: nested(2, TIMESTAMP),
  labels: map(string(3)),
});
/** See {@link LEASE}. */
export type Lease = MessageOf<typeof LEASE>;

/** What a lease keeps: `type` is `content`, or `snapshots/NAME`. */
export const LEASE_RESOURCE = message(`${LEASES}.Resource`, { id: string(1), type: string(2) });
/** See {@link LEASE_RESOURCE}. */
export type LeaseResource = MessageOf<typeof LEASE_RESOURCE>;

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
  getContentInfo: {
    path: `/${CONTENT}.Content/Info`,
    request: message(`${CONTENT}.InfoRequest`, { digest: string(1) }),
    response: message(`${CONTENT}.InfoResponse`, { info: nested(1, CONTENT_INFO) }),
  },
  updateContent: {
    path: `/${CONTENT}.Content/Update`,
    request: message(`${CONTENT}.UpdateRequest`, {
      info: nested(1, CONTENT_INFO),
      /** `labels.KEY`, or `labels` for all of them. */
      updateMask: nested(2, FIELD_MASK),
    }),
    response: message(`${CONTENT}.UpdateResponse`, { info: nested(1, CONTENT_INFO) }),
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
  createLease: {
    path: `/${LEASES}.Leases/Create`,
    request: message(`${LEASES}.CreateRequest`, { id: string(1), labels: map(string(3)) }),
    response: message(`${LEASES}.CreateResponse`, { lease: nested(1, LEASE) }),
  },
  deleteLease: {
    path: `/${LEASES}.Leases/Delete`,
    request: message(`${LEASES}.DeleteRequest`, { id: string(1), sync: bool(2) }),
    response: EMPTY,
  },
  listLeases: {
    path: `/${LEASES}.Leases/List`,
    request: message(`${LEASES}.ListRequest`, { filters: repeated(string(1)) }),
    response: message(`${LEASES}.ListResponse`, { leases: repeated(nested(1, LEASE)) }),
  },
  addLeaseResource: {
    path: `/${LEASES}.Leases/AddResource`,
    request: message(`${LEASES}.AddResourceRequest`, {
      id: string(1),
      resource: nested(2, LEASE_RESOURCE),
    }),
    response: EMPTY,
  },
  deleteLeaseResource: {
    path: `/${LEASES}.Leases/DeleteResource`,
    request: message(`${LEASES}.DeleteResourceRequest`, {
      id: string(1),
      resource: nested(2, LEASE_RESOURCE),
    }),
    response: EMPTY,
  },
} as const;
