/**
 * The parts of an HTTP request that WASI 0.2 and 0.3 have in common: method, scheme, authority, path
 * and timeouts.
 *
 * @module
 */

/** The variant `method`. */
export type Method = { readonly tag: string; readonly val?: string };
/** The variant `scheme`. */
export type Scheme = { readonly tag: "HTTP" | "HTTPS" | "other"; readonly val?: string };

const KNOWN_METHODS = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
]);
const METHOD_SYNTAX = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const SCHEME_SYNTAX = /^[A-Za-z][A-Za-z0-9+.-]*$/;
const AUTHORITY_SYNTAX = /^[^\s/?#@\\]*(@[^\s/?#@\\]+)?$/;

/** The variant for a method's name. */
export function toMethod(name: string): Method {
  return KNOWN_METHODS.has(name) ? { tag: name.toLowerCase() } : { tag: "other", val: name };
}

/** The name as it is sent. */
export function methodName(method: Method): string {
  return method.tag === "other" ? method.val! : method.tag.toUpperCase();
}

/** The scheme in lower case; a request without one means HTTPS. */
export function schemeName(scheme: Scheme | undefined): string {
  if (!scheme) return "https";
  return scheme.tag === "other" ? scheme.val! : scheme.tag.toLowerCase();
}

/** Whether a guest may set this method. */
export function isValidMethod(method: Method): boolean {
  return method.tag !== "other" || METHOD_SYNTAX.test(method.val ?? "");
}

/** Whether a guest may set this scheme. */
export function isValidScheme(scheme: Scheme | undefined): boolean {
  return scheme?.tag !== "other" || SCHEME_SYNTAX.test(scheme.val ?? "");
}

/** Whether a guest may set this authority. */
export function isValidAuthority(authority: string | undefined): boolean {
  return authority === undefined || AUTHORITY_SYNTAX.test(authority);
}

/** Whether a guest may set this path. */
export function isValidPath(pathWithQuery: string | undefined): boolean {
  return pathWithQuery === undefined || !/[\s#]/.test(pathWithQuery);
}

/** A duration of WASI in milliseconds, rounded up. */
export function nanosToMs(duration: bigint | undefined): number | undefined {
  return duration === undefined ? undefined : Math.ceil(Number(duration) / 1e6);
}
