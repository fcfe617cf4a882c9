/**
 * Digests by which it is told whether a node has what a Shim asks for.
 *
 * @module
 */

import type { Shim, ShimContent } from "../../crds/shim.ts";
import { nodeCrypto } from "../../lib/node_builtins.ts";
import { type Platform, resolveArtifact } from "./artifact.ts";

/** Characters of a digest that are kept: a label's value holds them. */
const LENGTH = 16;

/** The part of a Shim that decides what is on its nodes. @param shim With a spec. */
export function contentOf({ spec }: Shim): ShimContent {
  const { fetchStrategy, containerdRuntimeOptions, runtimeClass } = spec!;
  return {
    fetchStrategy,
    ...(containerdRuntimeOptions ? { containerdRuntimeOptions } : {}),
    handler: runtimeClass.handler,
  };
}

/** Digest of all that a Shim may put on nodes. */
export function contentHash({ fetchStrategy, ...rest }: ShimContent): string {
  const { anonHttp, platforms } = fetchStrategy;
  // What says only how to get there, such as credentials, is no other content.
  return digest({ ...rest, anonHttp: platforms?.length ? undefined : anonHttp, platforms });
}

/**
 * Digest of what one node gets. An archive for another platform does not change it; the image of the
 * installer does only if the shim is in it.
 *
 * @throws {TerminalError} if there is nothing for the node.
 */
export function nodeHash(
  content: ShimContent,
  { node, installerImage }: { node: Platform & { name: string }; installerImage: string },
): string {
  const artifact = resolveArtifact(content.fetchStrategy, node);
  return digest({
    artifact: artifact.kind === "bundled" ? { ...artifact, installerImage } : artifact,
    options: content.containerdRuntimeOptions ?? {},
    handler: content.handler,
  });
}

function digest(value: unknown): string {
  return nodeCrypto().createHash("sha256").update(JSON.stringify(value, sortKeys)).digest("hex")
    .slice(0, LENGTH);
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1));
}
