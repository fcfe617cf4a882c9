/**
 * Runtime options, as containerd's configuration and `ctr` give them.
 *
 * @module
 */

import { bool, bytes, message, type MessageOf, repeated, string, uint32 } from "./schema.ts";

/** Options of runc's shim. */
export const RUNC_OPTIONS = message("containerd.runc.v1.Options", {
  noPivotRoot: bool(1),
  noNewKeyring: bool(2),
  /** The cgroup to put the shim into. */
  shimCgroup: string(3),
  /** Owner of the pipes, for user namespaces. */
  ioUid: uint32(4),
  ioGid: uint32(5),
  /** Name or path of runc. */
  binaryName: string(6),
  /** Directory of runc's state; the namespace is appended. */
  root: string(7),
  /** Removed in containerd 2.0. */
  criuPath: string(8),
  systemdCgroup: bool(9),
  criuImagePath: string(10),
  criuWorkPath: string(11),
  taskApiAddress: string(12),
  taskApiVersion: uint32(13),
});
/** See {@link RUNC_OPTIONS}. */
export type RuncOptions = MessageOf<typeof RUNC_OPTIONS>;

/** Options of a checkpoint. */
export const CHECKPOINT_OPTIONS = message("containerd.runc.v1.CheckpointOptions", {
  exit: bool(1),
  openTcp: bool(2),
  externalUnixSockets: bool(3),
  terminal: bool(4),
  fileLocks: bool(5),
  emptyNamespaces: repeated(string(6)),
  cgroupsMode: string(7),
  imagePath: string(8),
  workPath: string(9),
  parentPath: string(10),
});
/** See {@link CHECKPOINT_OPTIONS}. */
export type CheckpointOptions = MessageOf<typeof CHECKPOINT_OPTIONS>;

/** Options of every other runtime: TOML in `configBody`, or the path of a file. */
export const RUNTIME_OPTIONS = message("runtimeoptions.v1.Options", {
  typeUrl: string(1),
  configPath: string(2),
  configBody: bytes(3),
});
/** See {@link RUNTIME_OPTIONS}. */
export type RuntimeOptions = MessageOf<typeof RUNTIME_OPTIONS>;
