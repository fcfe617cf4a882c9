/**
 * Who may look at the live page: browsers of this machine that were told to by their user.
 *
 * @module
 */

/** Names that stand for this machine wherever they are looked up, or that are not looked up at all. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/** Whether an address is one of this machine alone. */
export function isLoopback(hostname: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(hostname) || hostname === "::1";
}

/**
 * Why a request is refused; undefined if it is not.
 *
 * A page of another site can make a browser send requests to this machine, under a name of its own
 * that it has changed to mean 127.0.0.1 (DNS rebinding): then `Host` tells. Without that trick a browser
 * tells by `Sec-Fetch-Site` who asks; links to the page are followed, nothing else is answered.
 */
export function refusal(header: (name: string) => string | null): string | undefined {
  const host = header("host") ?? "";
  if (!LOOPBACK.test(host)) {
    return `The live page is served for this machine only, not for the host "${host}"`;
  }
  const site = header("sec-fetch-site");
  const isOwn = site === null || site === "same-origin" || site === "none";
  const isLink = header("sec-fetch-mode") === "navigate" &&
    header("sec-fetch-dest") === "document";
  return isOwn || isLink ? undefined : "The live page is not there for other pages";
}
