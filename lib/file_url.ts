/**
 * `file:` URLs and paths. Node's functions do the same, but loading them costs a cold start ten
 * milliseconds.
 *
 * @module
 */

const isWindows = Deno.build.os === "windows";

/** The `file:` URL of an absolute path. */
export function toFileUrl(path: string): URL {
  const slashed = isWindows ? path.replaceAll("\\", "/").replace(/^(?=[A-Za-z]:)/, "/") : path;
  const url = new URL("file:///");
  url.pathname = encodeURI(slashed).replace(/[?#]/g, encodeURIComponent);
  return url;
}

/**
 * The path of a `file:` URL.
 * @throws {TypeError} if it is another kind of URL, or names another host.
 */
export function fromFileUrl(url: string | URL): string {
  const { protocol, host, pathname } = new URL(url);
  if (protocol !== "file:" || host !== "") {
    throw new TypeError(`Cannot tell the path of "${url}": it is not a file of this machine`);
  }
  // A lone % is a % that nobody encoded.
  const path = decodeURIComponent(pathname.replace(/%(?![0-9A-Fa-f]{2})/g, "%25"));
  return isWindows ? path.replace(/^\/(?=[A-Za-z]:)/, "").replaceAll("/", "\\") : path;
}
