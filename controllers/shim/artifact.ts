/**
 * Which archive a node gets.
 *
 * @module
 */

import type { FetchStrategy } from "../../crds/shim.ts";
import { TerminalError } from "../../lib/errors.ts";

/** The platform of a node, as Kubernetes names it: `linux`, `amd64`. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
}

/** Where the shim for a node comes from. */
export type Artifact =
  | { readonly kind: "bundled" }
  | { readonly kind: "archive"; readonly location: string; readonly sha256?: string };

/** Go's names of architectures, and those of `uname`. */
const UNAME: Readonly<Record<string, string>> = {
  amd64: "x86_64",
  arm64: "aarch64",
  arm: "armv7l",
};

/** What `uname -m` says on an architecture that Go calls `arch`; unknown ones stay as they are. */
export function unameArch(arch: string): string {
  return Object.hasOwn(UNAME, arch) ? UNAME[arch]! : arch;
}

/**
 * The archive for the node `name`. Entries by platform win over the one for all nodes, also if none
 * of them fits. Matches runtime-class-manager, except that no source at all means the shim that the
 * installer's image holds.
 *
 * @throws {TerminalError} if none of the platforms is the node's.
 */
export function resolveArtifact(
  { anonHttp, platforms }: FetchStrategy,
  { name, os, arch }: Platform & { readonly name: string },
): Artifact {
  if (platforms && platforms.length > 0) {
    const found = platforms.find((entry) => isSame(entry.os, os) && isArch(entry.arch, arch));
    if (found) return archive(found);
    throw new TerminalError(
      "NoArtifact",
      `no platform artifact matches node ${name} (${os}/${arch})`,
    );
  }
  return anonHttp ? archive(anonHttp) : { kind: "bundled" };
}

function archive({ location, sha256 }: { location: string; sha256?: string }): Artifact {
  return { kind: "archive", location, ...(sha256 ? { sha256: sha256.toLowerCase() } : {}) };
}

function isArch(wanted: string, arch: string): boolean {
  return isSame(wanted, arch) || isSame(wanted, unameArch(arch.toLowerCase()));
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Whether all that is fetched has a digest that is checked. */
export function isPinned({ anonHttp, platforms }: FetchStrategy): boolean {
  if (platforms && platforms.length > 0) return platforms.every(isDigested);
  return !anonHttp || isDigested(anonHttp);
}

function isDigested({ location, sha256 }: { location: string; sha256?: string }): boolean {
  return Boolean(sha256) || /^oci:.*@sha256:[0-9a-f]{64}$/.test(location);
}
