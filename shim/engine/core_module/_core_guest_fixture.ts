/**
 * Core modules for tests, prepared, loaded and called without a server.
 *
 * @module
 */

import { testContext } from "../../imports/_context_fixture.ts";
import type { ComponentContext, ImportObject } from "../../imports/component_context.ts";
import { createSpinHttp } from "../../imports/spin_http.ts";
import { createSpinKeyValue } from "../../imports/spin_key_value.ts";
import { createSpinSqlite } from "../../imports/spin_sqlite.ts";
import { createSpinVariables } from "../../imports/spin_variables.ts";
import { createWasiCli } from "../../imports/wasi_cli.ts";
import { createWasiClocks } from "../../imports/wasi_clocks.ts";
import { createWasiFilesystem } from "../../imports/wasi_filesystem.ts";
import { createWasiIo } from "../../imports/wasi_io.ts";
import { createWasiRandom } from "../../imports/wasi_random.ts";
import { engineShared } from "../_guest_fixture.ts";
import { ARTIFACT_FILES, type ArtifactManifest } from "../artifact.ts";
import { compileModules, loadComponent, type LoadedComponent } from "../component.ts";
import { linkImports } from "../link.ts";
import { prepareComponent } from "../prepare.ts";
import { wat } from "../wasm/_wat_fixture.ts";

/** What a guest gets beside the interfaces that are always there. */
export interface CoreGuestOptions {
  readonly context?: Partial<ComponentContext>;
  readonly stdin?: ReadableStream<Uint8Array>;
  /** Put over the host's interfaces. */
  readonly imports?: ImportObject;
  readonly cpuLimitMs?: number;
}

/** Prepares and loads a core module, given as text or as bytes. */
export async function loadCoreGuest(
  module: string | Uint8Array,
  options: CoreGuestOptions = {},
): Promise<LoadedComponent> {
  const source = typeof module === "string" ? await wat(module) : module;
  const files = await prepareComponent(source);
  const manifest: ArtifactManifest = JSON.parse(
    new TextDecoder().decode(files.get(ARTIFACT_FILES.manifest)),
  );
  const context = testContext(options.context);
  return await loadComponent({
    id: "test",
    // Never read: a core module has no bindings of its own.
    directory: "/nonexistent",
    manifest,
    modules: compileModules(files, { manifest, component: "test" }),
    imports: linkImports(manifest, {
      component: "test",
      offered: {
        ...createWasiCli(context, { stdin: options.stdin }),
        ...createWasiClocks(context),
        ...createWasiFilesystem(context),
        ...createWasiIo(),
        ...createWasiRandom(context),
        ...createSpinHttp(context),
        ...createSpinKeyValue(context),
        ...createSpinSqlite(context),
        ...createSpinVariables(context),
        ...options.imports,
      },
    }),
    shared: { ...engineShared(), cpuLimitMs: options.cpuLimitMs ?? 10_000 },
  });
}
