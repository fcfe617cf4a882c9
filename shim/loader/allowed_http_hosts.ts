/**
 * `allowed_http_hosts`, which `allowed_outbound_hosts` replaced.
 *
 * @module
 */

/** Allowed by default in version 1, which had no say over databases. */
export const DATABASE_HOSTS: readonly string[] = [
  "redis://*:*",
  "mysql://*:*",
  "postgres://*:*",
];

/**
 * The entries of `allowed_outbound_hosts` that mean the same.
 * @throws {SyntaxError} if `entry` is not a host, an HTTP URL of one, `self` or
 * `insecure:allow-all`.
 */
export function convertAllowedHttpHost(entry: string): string[] {
  if (entry === "insecure:allow-all") return ["http://*:*", "https://*:*", "http://self"];
  const match = /^(?:([^:/]+):\/\/)?([^/]*)(\/.*)?$/.exec(entry);
  const [, scheme, host, path] = match ?? [];
  const quoted = JSON.stringify(entry);
  if (!host) throw new SyntaxError(`${quoted} has no host`);
  if (path !== undefined && path !== "/") {
    throw new SyntaxError(`${quoted} has a path; only a host, and a port, can be allowed`);
  }
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    throw new SyntaxError(
      `${quoted} has the scheme "${scheme}"; only http and https are allowed here`,
    );
  }
  if (host === "self") return ["http://self"];
  return scheme === undefined ? [`http://${host}`, `https://${host}`] : [`${scheme}://${host}`];
}
