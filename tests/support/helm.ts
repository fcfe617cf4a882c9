/**
 * The real Helm, for tests of the chart.
 *
 * @module
 */

import { parseAllDocuments } from "yaml";
import { renderChart, type RenderOptions } from "../../deploy/manifests/generate.ts";
import type { KubeObject } from "../../lib/kube/types.ts";

/** Any object of a manifest. */
// deno-lint-ignore no-explicit-any
export type AnyObject = KubeObject & { apiVersion: string; kind: string } & Record<string, any>;

/** The program that `HELM` names, or `helm` of the `PATH`; undefined if there is none. */
export async function findHelm(): Promise<string | undefined> {
  const helm = Deno.env.get("HELM") ?? "helm";
  try {
    const { success } = await new Deno.Command(helm, {
      args: ["version", "--short"],
      stdout: "null",
      stderr: "null",
    }).output();
    return success ? helm : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The chart's objects, rendered. */
export async function chartObjects(options: RenderOptions): Promise<AnyObject[]> {
  return readObjects(await renderChart(options));
}

/** The objects of a file with several documents; empty ones are left out. */
export function readObjects(text: string): AnyObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    const object = document.toJS();
    return object === null ? [] : [object as AnyObject];
  });
}

/**
 * The only object of a kind with this name, or the end of it.
 * @throws {Error} if there is another number of them.
 */
export function findObject(objects: readonly AnyObject[], kind: string, name = ""): AnyObject {
  const found = objects.filter((object) =>
    object.kind === kind && object.metadata.name.endsWith(name)
  );
  if (found.length !== 1) throw new Error(`There are ${found.length} of ${kind} "${name}"`);
  return found[0]!;
}
