/**
 * The executor that a cluster has from the start. It is no object of the installation, because tools
 * refuse objects whose definition they are just installing; so the operator makes it.
 *
 * @module
 */

import {
  CLUSTER_SPIN_APP_EXECUTORS,
  SPIN_APP_EXECUTORS,
  type SpinAppExecutor,
} from "../../crds/spin_app_executor.ts";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { isAlreadyExists, isInvalid } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { pause } from "../../lib/kube/retry.ts";
import { apiVersion, type ResourceType } from "../../lib/kube/types.ts";
import { parseYaml } from "../../lib/parse_yaml.ts";
import type { Log } from "../../lib/structured_log.ts";

const TYPES: readonly ResourceType<SpinAppExecutor>[] = [
  CLUSTER_SPIN_APP_EXECUTORS,
  SPIN_APP_EXECUTORS,
];

/** Milliseconds between tries: the first, which doubles up to the last. */
const FIRST_DELAY_MS = 1_000;
const LAST_DELAY_MS = 60_000;

/** An executor to be made, and its kind. */
export interface DefaultExecutor {
  readonly type: ResourceType<SpinAppExecutor>;
  readonly object: SpinAppExecutor;
}

/**
 * Reads the file that `--default-executor` names.
 * @throws {TerminalError} if it cannot be read, or holds no executor.
 */
export async function readDefaultExecutor(path: string): Promise<DefaultExecutor> {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw new TerminalError(
      "NoDefaultExecutor",
      `--default-executor: cannot read "${path}" (${
        errorText(error)
      }); give a file that is there, ` +
        "or leave the flag out",
      { cause: error },
    );
  }
  return await parseDefaultExecutor(text, path);
}

/**
 * Reads an executor from YAML or JSON.
 * @param file Where it is from, for messages.
 * @throws {TerminalError} if it is no SpinAppExecutor or ClusterSpinAppExecutor with a name.
 */
export async function parseDefaultExecutor(text: string, file: string): Promise<DefaultExecutor> {
  const refuse = (problem: string): never => {
    throw new TerminalError(
      "InvalidDefaultExecutor",
      `--default-executor: "${file}" ${problem}; give the YAML of one SpinAppExecutor or ` +
        "ClusterSpinAppExecutor",
    );
  };
  let object: Partial<SpinAppExecutor & { kind: string; apiVersion: string }> | null;
  try {
    object = await parseYaml(text) as typeof object;
  } catch (error) {
    return refuse(`is no YAML (${errorText(error)})`);
  }
  const type = TYPES.find((type) =>
    object?.kind === type.kind && object.apiVersion === apiVersion(type)
  );
  if (!type) return refuse("has another kind or apiVersion");
  const { metadata } = object!;
  if (!metadata?.name) return refuse("has no metadata.name");
  if (type.isNamespaced && !metadata.namespace) return refuse("has no metadata.namespace");
  return { type, object: object as SpinAppExecutor };
}

/**
 * Makes the executor if there is none of its kind and name; one that is there stays as it is. Tries
 * again until it succeeds, the API server calls the object invalid, or the signal fires. Failures are
 * logged, and thrown by nobody: apps may name other executors.
 */
export async function ensureDefaultExecutor(
  client: KubeClient,
  { executor: { type, object }, log, signal, firstDelayMs = FIRST_DELAY_MS }: {
    executor: DefaultExecutor;
    log: Log;
    signal: AbortSignal;
    /** Default: 1,000. */
    firstDelayMs?: number;
  },
): Promise<void> {
  const { name, namespace } = object.metadata;
  const about = { kind: type.kind, name, ...(namespace === undefined ? {} : { namespace }) };
  let lastSaid: string | undefined;
  for (
    let delayMs = firstDelayMs;
    !signal.aborted;
    delayMs = Math.min(delayMs * 2, LAST_DELAY_MS)
  ) {
    try {
      if (await client.find(type, object.metadata)) return;
      await client.create(type, object);
      log.info("The default executor is made", about);
      return;
    } catch (error) {
      // Somebody else was faster.
      if (isAlreadyExists(error)) return;
      if (isInvalid(error)) {
        log.error("The default executor is invalid", { ...about, error: errorText(error) });
        return;
      }
      const said = errorText(error);
      // Its definition, for one, may come later.
      if (said !== lastSaid) {
        log.warn("Cannot make the default executor yet", { ...about, error: said });
      }
      lastSaid = said;
    }
    await pause(delayMs, signal).catch(() => {
      // The loop's condition sees that the signal has fired.
    });
  }
}
