/**
 * The namespace of the operator's own pod.
 *
 * @module
 */

const NAMESPACE_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/** The namespace that this process runs in; undefined outside of a cluster. */
export function findOwnNamespace(): string | undefined {
  const given = Deno.env.get("POD_NAMESPACE");
  if (given) return given;
  try {
    return Deno.readTextFileSync(NAMESPACE_FILE).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
