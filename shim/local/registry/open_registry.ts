/**
 * From what the user typed to a registry.
 *
 * @module
 */

import { UsageError } from "../../../lib/errors.ts";
import { findCredentials } from "../../../lib/oci/credentials.ts";
import { type OciReference, parseOciReference } from "../../../lib/oci/reference.ts";
import { RegistryClient } from "../../../lib/oci/registry_client.ts";
import { userCacheDir } from "../cache_dir.ts";
import { type Progress, showProgress } from "./progress.ts";

/** @throws {UsageError} if it is no reference. */
export function readReference(text: string): OciReference {
  try {
    return parseOciReference(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`cannot parse reference ${text}: ${error.message}`);
  }
}

/** A client with the user's login. */
export function openRegistry(
  { registry }: OciReference,
  { isPlainHttp, signal }: { isPlainHttp: boolean; signal?: AbortSignal },
): RegistryClient {
  return new RegistryClient({
    registry,
    isPlainHttp,
    ...(signal ? { signal } : {}),
    credentials: () =>
      findCredentials(registry, {
        os: Deno.build.os,
        environment: (name) => Deno.env.get(name),
        report: (line) => console.error(`Warning: ${line}`),
      }),
  });
}

/** Where pulled and pushed content is kept; undefined if the user has no home. */
export function registryCacheDir(chosen: string | undefined): string | undefined {
  return chosen ?? userCacheDir({ os: Deno.build.os, environment: (name) => Deno.env.get(name) });
}

/** Progress on standard error, if that is a terminal. */
export function terminalProgress(label: string, total: number): Progress {
  return showProgress(label, {
    total,
    isTerminal: Deno.stderr.isTerminal() && total > 0,
    write: (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
  });
}
