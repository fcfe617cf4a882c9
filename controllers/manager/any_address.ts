/**
 * Listening on every address.
 *
 * @module
 */

/** The host name that stands for all addresses: of both families, or of IPv4 where there is no IPv6. */
export function anyAddress(): string {
  try {
    Deno.listen({ hostname: "::", port: 0 }).close();
    return "::";
  } catch {
    // Why does not matter: whoever listens next learns whether IPv4 works.
    return "0.0.0.0";
  }
}
