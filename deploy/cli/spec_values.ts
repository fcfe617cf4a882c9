/**
 * Flags whose value is a part of a SpinApp's spec.
 *
 * @module
 */

import type { Backend, BackendOption, NamedBackend } from "../../crds/spin_app.ts";
import type { Volume, VolumeMount } from "../../lib/kube/workload_types.ts";
import { parseKeySource, parseList, parsePair } from "./flag_values.ts";

/**
 * `NAME=TYPE`, then options as in {@link parseBackend}.
 * @throws {SyntaxError} if it is not.
 */
export function parseNamedBackend(text: string): NamedBackend {
  const [name, rest] = parsePair(text);
  return { name, ...parseBackend(rest) };
}

/**
 * `TYPE,key=value,key=@secret:NAME/KEY`.
 * @throws {SyntaxError} if it is not.
 */
export function parseBackend(text: string): Backend {
  const [type = "", ...options] = parseList(text);
  if (type === "" || type.includes("=")) throw new SyntaxError("a type is missing, such as redis");
  if (options.length === 0) return { type };
  return { type, options: options.map(parseBackendOption) };
}

function parseBackendOption(text: string): BackendOption {
  const [name, value] = parsePair(text);
  if (!/^@(?:secret|configmap):/.test(value)) return { name, value };
  const source = parseKeySource(value.slice(1));
  const reference = { name: source.name, key: source.key };
  return {
    name,
    valueFrom: source.kind === "secret"
      ? { secretKeyRef: reference }
      : { configMapKeyRef: reference },
  };
}

/**
 * `NAME=secret:X`, `configmap:X`, `pvc:CLAIM`, `hostpath:/PATH`, `emptydir` or `emptydir:SIZE`.
 * @throws {SyntaxError} if it is none of these.
 */
export function parseVolume(text: string): Volume {
  const [name, source] = parsePair(text);
  const [kind = "", ...parts] = source.split(":");
  const value = parts.join(":");
  if (kind === "emptydir") return { name, emptyDir: value === "" ? {} : { sizeLimit: value } };
  if (value !== "") {
    if (kind === "secret") return { name, secret: { secretName: value } };
    if (kind === "configmap") return { name, configMap: { name: value } };
    if (kind === "pvc") return { name, persistentVolumeClaim: { claimName: value } };
    if (kind === "hostpath") return { name, hostPath: { path: value } };
  }
  throw new SyntaxError(
    "give NAME=secret:NAME, configmap:NAME, pvc:CLAIM, hostpath:PATH or emptydir",
  );
}

/**
 * `NAME=/PATH`, with `:ro` if it is not to be written.
 * @throws {SyntaxError} if it is not.
 */
export function parseMount(text: string): VolumeMount {
  const [name, target] = parsePair(text);
  const mountPath = target.replace(/:ro$/, "");
  if (!mountPath.startsWith("/")) throw new SyntaxError("give NAME=/PATH or NAME=/PATH:ro");
  return { name, mountPath, ...(mountPath === target ? {} : { readOnly: true }) };
}
