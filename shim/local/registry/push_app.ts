/**
 * `registry push`: from a manifest to an image.
 *
 * @module
 */

import type { OptionValues } from "../../../lib/command_line.ts";
import { TerminalError } from "../../../lib/errors.ts";
import { join, resolve } from "../../../lib/path.ts";
import { loadApp } from "../../loader/mod.ts";
import { buildApp } from "../build.ts";
import { findManifest } from "../find_manifest.ts";
import { buildArtifact, inferAnnotations } from "./artifact.ts";
import { composeApp } from "./compose_app.ts";
import {
  openRegistry,
  readReference,
  registryCacheDir,
  terminalProgress,
} from "./open_registry.ts";
import { pushArtifact } from "./push.ts";
import type { PUSH } from "./registry_options.ts";

/**
 * Pushes the app to `text`, until `values.signal` fires.
 * @returns The digest that the registry tells; undefined if it tells none.
 * @throws {UsageError} if `text` is no reference, or names a digest.
 * @throws {TerminalError} if the app or the registry is not in order.
 */
export async function push(
  values: OptionValues<typeof PUSH.options> & { readonly signal: AbortSignal },
  text: string,
): Promise<{ digest: string | undefined }> {
  const reference = readReference(text);
  if (reference.digest !== undefined) {
    throw new TerminalError(
      "InvalidReference",
      `Cannot push to ${text}: the digest is told by the content. Give a tag instead`,
    );
  }
  const cwd = Deno.cwd();
  const report = (line: string): void => console.error(line);
  const source = await findManifest(values.from, { cwd, report });
  const profile = values.profile === undefined ? {} : { profile: values.profile };
  if (values.build && source.kind === "manifest") {
    await buildApp(source, {
      cwd,
      componentIds: [],
      isStdoutReserved: values.output === "json",
      report,
      ...profile,
    });
  }
  const workingDir = await Deno.makeTempDir({ prefix: "spinkube-push-" });
  try {
    const cacheDir = registryCacheDir(values["cache-dir"]);
    const { app, warnings } = await loadApp(source, {
      workingDir,
      cacheDir: resolve(cwd, cacheDir ?? join(workingDir, "cache")),
      cwd,
      ...profile,
    });
    for (const warning of warnings) report(`Warning: ${warning}`);
    const composed = values.compose === false
      ? app
      : await composeApp(app, { scratchDir: workingDir, report });
    values.signal.throwIfAborted();
    const artifact = await buildArtifact(composed, {
      scratchDir: workingDir,
      packing: Deno.env.has("SPIN_OCI_ARCHIVE_LAYERS") ? "archives" : undefined,
    });
    const annotations = inferAnnotations(app, {
      given: Object.fromEntries(values.annotation),
      created: new Date(),
    });
    const total = [...artifact.layers, artifact.config]
      .reduce((sum, { blob }) => sum + blob.size, 0);
    using progress = terminalProgress("Pushing app to the Registry", total);
    const digest = await pushArtifact(artifact, {
      client: openRegistry(reference, { isPlainHttp: values.insecure, signal: values.signal }),
      reference,
      annotations,
      cacheDir: cacheDir && resolve(cwd, cacheDir),
      onBytes: progress.add,
    });
    return { digest };
  } finally {
    await Deno.remove(workingDir, { recursive: true });
  }
}
