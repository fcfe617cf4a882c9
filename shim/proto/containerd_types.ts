/**
 * Messages of `containerd.types` and `containerd.v1.types`.
 *
 * @module
 */

import { int64, map, message, type MessageOf, nested, repeated, string, uint32 } from "./schema.ts";
import { ANY, TIMESTAMP } from "./well_known.ts";

/** Arguments of the `mount` system call. `target` is relative to the container's root file system. */
export const MOUNT = message("containerd.types.Mount", {
  type: string(1),
  source: string(2),
  target: string(3),
  options: repeated(string(4)),
});
/** See {@link MOUNT}. */
export type Mount = MessageOf<typeof MOUNT>;

/** What an image or a sandbox runs on. */
export const PLATFORM = message("containerd.types.Platform", {
  os: string(1),
  architecture: string(2),
  variant: string(3),
  osVersion: string(4),
  osFeatures: repeated(string(5)),
});
/** See {@link PLATFORM}. */
export type Platform = MessageOf<typeof PLATFORM>;

/** Metrics of one container or sandbox at one moment. */
export const METRIC = message("containerd.types.Metric", {
  timestamp: nested(1, TIMESTAMP),
  id: string(2),
  data: nested(3, ANY),
});
/** See {@link METRIC}. */
export type Metric = MessageOf<typeof METRIC>;

/** Points to a blob in the content store. */
export const DESCRIPTOR = message("containerd.types.Descriptor", {
  mediaType: string(1),
  digest: string(2),
  size: int64(3),
  annotations: map(string(5)),
});
/** See {@link DESCRIPTOR}. */
export type Descriptor = MessageOf<typeof DESCRIPTOR>;

/** One process of a container; `info` is {@link PROCESS_DETAILS} for those that were exec'ed. */
export const PROCESS_INFO = message("containerd.v1.types.ProcessInfo", {
  pid: uint32(1),
  info: nested(2, ANY),
});
/** See {@link PROCESS_INFO}. */
export type ProcessInfo = MessageOf<typeof PROCESS_INFO>;

/** Which exec a process belongs to. */
export const PROCESS_DETAILS = message("containerd.runc.v1.ProcessDetails", {
  execId: string(1),
});
/** See {@link PROCESS_DETAILS}. */
export type ProcessDetails = MessageOf<typeof PROCESS_DETAILS>;

/** Version of a runtime. */
export const RUNTIME_VERSION = message("containerd.types.RuntimeVersion", {
  version: string(1),
  revision: string(2),
});
/** See {@link RUNTIME_VERSION}. */
export type RuntimeVersion = MessageOf<typeof RUNTIME_VERSION>;

/** What a shim tells about itself when it is started with `-info`. */
export const RUNTIME_INFO = message("containerd.types.RuntimeInfo", {
  name: string(1),
  version: nested(2, RUNTIME_VERSION),
  /** The options that were given, unchanged. */
  options: nested(3, ANY),
  /** JSON of type {@link OCI_TYPES}`.features`. */
  features: nested(4, ANY),
  annotations: map(string(5)),
});
/** See {@link RUNTIME_INFO}. */
export type RuntimeInfo = MessageOf<typeof RUNTIME_INFO>;

/** Type URLs of JSON documents of the OCI's runtime specification. */
export const OCI_TYPES = {
  /** A container's whole `config.json`. */
  spec: "types.containerd.io/opencontainers/runtime-spec/1/Spec",
  /** `process` of it: what an exec runs. */
  process: "types.containerd.io/opencontainers/runtime-spec/1/Process",
  /** `linux.resources` of it: what an update changes. */
  resources: "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources",
  /** What `runc features` prints. */
  features: "types.containerd.io/opencontainers/runtime-spec/1/features/Features",
} as const;
