/**
 * What the shim's short commands write to their stdout.
 *
 * @module
 */

import { BOOTSTRAP_RESULT } from "../proto/bootstrap.ts";
import { OCI_TYPES, RUNTIME_INFO } from "../proto/containerd_types.ts";
import { encodeMessage } from "../proto/encode.ts";
import { DELETE_RESPONSE } from "../proto/task.ts";
import type { Any, Timestamp } from "../proto/well_known.ts";

/** The program's version and the commit that it was built from. */
export interface ProgramVersion {
  readonly version: string;
  readonly revision: string;
}

/** How `start` may answer, and which versions of containerd understand it. */
export type BootstrapForm =
  /** All. The task service is version 2. */
  | "plain"
  /** 1.7 and later; with version 3, 2.0 and later. */
  | "json"
  /** 2.3 and later. */
  | "protobuf";

/**
 * The answer of `start`: where the shim serves.
 *
 * `plain` is right for every containerd; 1.7 cannot be told from 2.0, and what one wants the other
 * refuses. Nothing else may be written, not to stderr either: containerd 1.6 takes both for the
 * address.
 *
 * @param form Default: `plain`.
 * @param version Of the task service, for the other two. Default: 2.
 */
export function formatBootstrap(
  address: string,
  { form = "plain", version = 2 }: { readonly form?: BootstrapForm; readonly version?: 2 | 3 } = {},
): Uint8Array {
  const answer = { version, address, protocol: "ttrpc" };
  if (form === "protobuf") return encodeMessage(BOOTSTRAP_RESULT, answer);
  return new TextEncoder().encode(form === "json" ? JSON.stringify(answer) : address);
}

/** The answer of `-v`, with the lines that installers look for. Ends with a line feed. */
export function formatVersion(program: string, { version, revision }: ProgramVersion): string {
  return `${program}:\n  Runtime: spin\n  Version: ${version}\n  Revision: ${revision}\n`;
}

/** What {@link encodeInfo} tells. */
export interface ShimInfo extends ProgramVersion {
  /** The runtime's name: `io.containerd.spin.v2`. */
  readonly name: string;
  /** The options that stdin had; they are sent back. */
  readonly options?: Any | undefined;
  /** What `runc features` printed; undefined if that runc has no such command. */
  readonly features?: string | undefined;
  /** Default: none. */
  readonly annotations?: ReadonlyMap<string, string>;
}

/**
 * The answer of `-info`. With the features, containerd 2.0 and later makes containers with mounts
 * that map ids, as pods with a user namespace of their own have.
 */
export function encodeInfo(info: ShimInfo): Uint8Array {
  const { name, version, revision, options, features, annotations } = info;
  return encodeMessage(RUNTIME_INFO, {
    name,
    version: { version, revision },
    options,
    features: features === undefined
      ? undefined
      : { typeUrl: OCI_TYPES.features, value: new TextEncoder().encode(features) },
    annotations,
  });
}

/** How a process ended, for {@link encodeDeleteResponse}. */
export interface ProcessEnd {
  readonly pid: number;
  readonly exitStatus: number;
  readonly exitedAt: Timestamp;
}

/** The answer of `delete`. containerd publishes it, if the shim's server cannot any more. */
export function encodeDeleteResponse(end: ProcessEnd): Uint8Array {
  return encodeMessage(DELETE_RESPONSE, end);
}
