/**
 * Components and their dependencies → one Wasm file each, as `spin registry push` makes them unless
 * it is told not to.
 *
 * @module
 */

import { errorText, TerminalError } from "../../../lib/errors.ts";
import { toFileUrl } from "../../../lib/file_url.ts";
import { join } from "../../../lib/path.ts";
import { componentFile, dependencyFiles } from "../../engine/component_files.ts";
import type { LockedApp, LockedComponent } from "../../loader/mod.ts";
import { checkWasmStart, dependencyOwner, wasmOwner } from "./wasm_owner.ts";

/** Options of {@link composeApp}. */
export interface ComposeAppOptions {
  /** An existing directory for what is composed; it has to stay until the layers have been pushed. */
  readonly scratchDir: string;
  /** Tells the user which component is pushed with its dependencies beside it, and why. */
  readonly report: (line: string) => void;
}

/**
 * The app with its components composed: they have no dependencies any more. Components without any
 * stay as they are, and so does middleware. A component stays, too, if a dependency must not have all
 * that it imports: in a composed component only this host could refuse that to it, while every host
 * composes what is pushed apart.
 *
 * @param app As `loadApp` gives it: sources are `file:` URLs.
 * @throws {TerminalError} naming a component that does not fit together with its dependencies.
 */
export async function composeApp(app: LockedApp, options: ComposeAppOptions): Promise<LockedApp> {
  const components: LockedComponent[] = [];
  for (const [index, component] of app.components.entries()) {
    const target = join(options.scratchDir, `${index}.composed.wasm`);
    const isComposed = component.dependencies !== undefined &&
      await composeTo(target, component, options);
    components.push(isComposed ? withSource(component, target) : component);
  }
  return { ...app, components };
}

/** What is replaced keeps its place among the fields: equal apps give equal bytes. */
function withSource(component: LockedComponent, path: string): LockedComponent {
  const { dependencies: _composed, ...rest } = component;
  const { content_type } = component.source;
  return { ...rest, source: { content_type, source: toFileUrl(path).href } };
}

/** @returns whether the component can stand alone. */
async function composeTo(
  target: string,
  component: LockedComponent,
  { report }: ComposeAppOptions,
): Promise<boolean> {
  const { id } = component;
  const { composeSources, hostOnlyImports } = await import("../../engine/compose_sources.ts");
  const source = await readWasm(componentFile(component), wasmOwner(id));
  const dependencies = await Array.fromAsync(
    dependencyFiles(component),
    async ({ path, ...rest }) => ({
      ...rest,
      bytes: await readWasm(path, dependencyOwner(id, rest.name)),
    }),
  );
  try {
    const composed = await composeSources(source, { component: id, dependencies });
    const special = hostOnlyImports(composed);
    if (special.length > 0) {
      report(
        `Note: Component ${id} is pushed with its dependencies beside it, and hosts put them ` +
          `together: they have not inherited ${special.join(", ")}.`,
      );
      return false;
    }
    const { checkComposition } = await import("../../engine/check_composition.ts");
    await checkComposition(composed, dependencies);
    await Deno.writeFile(target, composed);
    return true;
  } catch (error) {
    if (!(error instanceof TerminalError)) throw error;
    throw new TerminalError(
      error.reason,
      `Cannot compose component ${id}: ${
        errorText(error)
      }. With --compose=false it is pushed with ` +
        "its dependencies beside it",
      { cause: error },
    );
  }
}

async function readWasm(path: string, owner: string): Promise<Uint8Array> {
  const bytes = await Deno.readFile(path);
  checkWasmStart(bytes, { path, owner });
  return bytes;
}
