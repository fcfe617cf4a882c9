/**
 * `deno task crds`: writes the definitions to `crds/`, and to the chart, which cannot read files
 * outside of its directory.
 *
 * @module
 */

import { stringify } from "yaml";
import type { CustomResourceDefinition } from "./definition.ts";
import { defineShim } from "./shim.ts";
import { defineSpinApp } from "./spin_app.ts";
import { defineClusterSpinAppExecutor, defineSpinAppExecutor } from "./spin_app_executor.ts";

/** Folders with the definitions, relative to this file. */
const FOLDERS: readonly string[] = ["../", "../../deploy/chart/files/crds/"];

const HEADER = `# Written by "deno task crds" from crds/schema.\n`;

/** All definitions, in the order they are installed in. */
export function defineAll(): CustomResourceDefinition[] {
  return [defineSpinApp(), defineSpinAppExecutor(), defineClusterSpinAppExecutor(), defineShim()];
}

/** The files: URL → text. */
export function definitionFiles(): Map<string, string> {
  return new Map(
    FOLDERS.flatMap((folder) =>
      defineAll().map((definition) => [fileUrl(folder, definition), asText(definition)] as const)
    ),
  );
}

/** Named as controller-gen does. */
function fileUrl(folder: string, { spec }: CustomResourceDefinition): string {
  return new URL(`${folder}${spec.group}_${spec.names.plural}.yaml`, import.meta.url).href;
}

function asText(definition: CustomResourceDefinition): string {
  // Schemas that occur twice are written twice: Kubernetes' tools do not all know aliases.
  return HEADER + stringify(definition, { aliasDuplicateObjects: false, lineWidth: 100 });
}

if (import.meta.main) {
  for (const [url, content] of definitionFiles()) {
    await Deno.mkdir(new URL(".", url), { recursive: true });
    await Deno.writeTextFile(new URL(url), content);
    console.error(`Written: ${new URL(url).pathname}`);
  }
}
