/**
 * The grammar of `allowed_outbound_hosts`, and which destinations an entry admits. Everything here is
 * pure; templates have been rendered before.
 *
 * @module
 */

import type { BlockList } from "node:net";
import { ipVersion, net } from "../../lib/node_builtins.ts";

/** Which hosts an entry admits. */
export type HostRule =
  | { readonly kind: "any" }
  /** The app itself. */
  | { readonly kind: "self" }
  /** Names that end in `suffix` (with its dot), at any depth. */
  | { readonly kind: "subdomains"; readonly suffix: string }
  | { readonly kind: "network"; readonly list: BlockList }
  /** `host` in the form that {@link parseOutboundUrl} gives. */
  | { readonly kind: "host"; readonly host: string };

/** Which ports an entry admits; `end` is excluded. */
export type PortRule = "any" | { readonly start: number; readonly end: number };

/** One entry of `allowed_outbound_hosts`. */
export interface AllowedHost {
  readonly original: string;
  /** `*` for any. */
  readonly scheme: string;
  readonly host: HostRule;
  readonly port: PortRule;
}

/** Hosts of components for requests within the app are `<component>` and this. */
export const SERVICE_CHAINING_SUFFIX = ".spin.internal";

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ["http", 80],
  ["https", 443],
  ["redis", 6379],
  ["mysql", 3306],
  ["postgres", 5432],
  ["mqtt", 1883],
]);

/**
 * Parses one entry: `<scheme>://<host>[:<port>]`.
 * @throws {SyntaxError} with what is wrong and the way out.
 */
export function parseAllowedHost(original: string): AllowedHost {
  const entry = original.trim();
  if (entry === "insecure:allow-all") {
    throw new SyntaxError(
      "'insecure:allow-all' is not allowed - use '*://*:*' instead if you really want to allow all " +
        "outbound traffic",
    );
  }
  const separator = entry.indexOf("://");
  if (separator < 0) throw new SyntaxError(explainNoScheme(entry));
  const scheme = entry.slice(0, separator);
  checkScheme(scheme);
  const { host, port } = splitAuthority(entry.slice(separator + 3), entry);
  return { original, scheme, host: parseHost(host), port: parsePort(port, scheme) };
}

/**
 * Parses rendered entries. Those that a variable left empty (``, `http://`, `https://`) are skipped.
 * @throws {SyntaxError} as {@link parseAllowedHost} does.
 */
export function parseAllowedHosts(entries: readonly string[]): AllowedHost[] {
  return entries.filter((entry) => !isBlankEntry(entry)).map(parseAllowedHost);
}

/** Whether a rendered entry has nothing in it, since an optional variable is empty. */
export function isBlankEntry(entry: string): boolean {
  return ["", "http://", "https://"].includes(entry.trim());
}

function explainNoScheme(entry: string): string {
  const quoted = JSON.stringify(entry);
  return ["*", ":", "", "?"].includes(entry)
    ? `${quoted} is not an allowed outbound host format. Hosts must be in the form ` +
      "<scheme>://<host>[:<port>], with '*' wildcards allowed for each. If you intended to allow all " +
      "outbound networking, you can use '*://*:*' - this will obviate all network sandboxing"
    : `${quoted} does not contain a scheme (e.g., 'http://' or '*://')`;
}

function checkScheme(scheme: string): void {
  if (scheme === "*" || /^[A-Za-z]+$/.test(scheme)) return;
  throw new SyntaxError(
    scheme.startsWith("{")
      ? "scheme lists are not supported; write one entry per scheme"
      : `scheme ${JSON.stringify(scheme)} contains non alphabetic character`,
  );
}

/** Separates host and port; the colons of an IPv6 address belong to the host. */
function splitAuthority(rest: string, entry: string): { host: string; port: string } {
  const match = /^(\[[^\]]*\](?:\/\d+)?|[0-9a-fA-F:.]*\/\d+|[^:/]*)(?::([^/:]*))?(\/.*)?$/.exec(
    rest,
  );
  if (!match) {
    throw new SyntaxError(
      `${
        JSON.stringify(entry)
      } is not in the form <scheme>://<host>[:<port>]; put an IPv6 address in ` +
        "brackets",
    );
  }
  const [, host, port, path] = match;
  if (path !== undefined && path !== "/") {
    throw new SyntaxError(`${JSON.stringify(entry)} has a path but is not allowed to`);
  }
  return { host: host!.trim(), port: port ?? "" };
}

function parseHost(host: string): HostRule {
  if (host === "*") return { kind: "any" };
  if (host === "self" || host === "self.alt") return { kind: "self" };
  if (host.startsWith("{")) {
    throw new SyntaxError("host lists are not supported; write one entry per host");
  }
  const network = parseNetwork(host);
  if (network) return { kind: "network", list: network };
  if (host.startsWith("*.") && !host.slice(2).includes("*") && host.length > 2) {
    return { kind: "subdomains", suffix: `.${canonicalHost(host.slice(2)) ?? host.slice(2)}` };
  }
  if (host.includes("*")) {
    throw new SyntaxError(
      `Invalid allowed host ${JSON.stringify(host)}: wildcards are allowed only as a whole host ` +
        'or as its first part ("*.example.com")',
    );
  }
  const canonical = canonicalHost(host);
  if (canonical === undefined) {
    throw new SyntaxError(
      host === "" ? "the host is empty" : `Invalid allowed host ${JSON.stringify(host)}`,
    );
  }
  return { kind: "host", host: canonical };
}

/** `10.0.0.0/8`, `fd00::/8`, `[fd00::/8]`, `[fd00::]/8`. */
function parseNetwork(host: string): BlockList | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(host.replace(/[[\]]/g, ""));
  if (!match) return undefined;
  // An address with a zone (`fe80::1%eth0`) names no network.
  const family = match[1]!.includes("%") ? 0 : ipVersion(match[1]!);
  const prefix = Number(match[2]);
  if (family === 0 || prefix > (family === 4 ? 32 : 128)) {
    throw new SyntaxError(
      `Invalid allowed host ${JSON.stringify(host)}: not a network in CIDR form`,
    );
  }
  const list = new (net().BlockList)();
  list.addSubnet(match[1]!, prefix, family === 4 ? "ipv4" : "ipv6");
  return list;
}

function parsePort(port: string, scheme: string): PortRule {
  if (port === "*") return "any";
  if (port === "") {
    const known = DEFAULT_PORTS.get(scheme);
    if (known !== undefined) return { start: known, end: known + 1 };
    throw new SyntaxError(
      `no port was provided and the scheme ${
        JSON.stringify(scheme)
      } does not have a known default ` +
        "port number; add one, or ':*' for every port",
    );
  }
  const match = /^(\d+)(?:\.\.(\d+))?$/.exec(port);
  const start = Number(match?.[1]);
  const end = match?.[2] === undefined ? start + 1 : Number(match[2]);
  if (!match || start > 0xffff || end > 0x10000) {
    throw new SyntaxError(`Invalid allowed host port ${JSON.stringify(port)}`);
  }
  return { start, end };
}

/** The host as URLs have it: lower case, punycode, IPv4 in dotted form, IPv6 shortened in brackets. */
function canonicalHost(host: string): string | undefined {
  const bracketed = ipVersion(host) === 6 ? `[${host}]` : host;
  if (bracketed === "" || /[/?#@\\]/.test(bracketed)) return undefined;
  return URL.parse(`http://${bracketed}/`)?.hostname || undefined;
}

/** A destination a component wants to reach. */
export interface OutboundUrl {
  readonly scheme: string;
  /** Canonical: lower case; IPv6 in brackets. */
  readonly host: string;
  /** Undefined if the URL names none, or the default of its scheme. */
  readonly port: number | undefined;
}

/**
 * Parses a destination; a URL without a scheme gets `defaultScheme`. Undefined if it is none.
 */
export function parseOutboundUrl(url: string, defaultScheme: string): OutboundUrl | undefined {
  // HTTP clients follow the URL standard, and a request must go where the check looked: the user
  // information of `http://evil?@good` ends nowhere near the `@`.
  const isHttp = /^https?$/i.test(/^([^:/]+):\/\//.exec(url)?.[1] ?? defaultScheme);
  const encoded = isHttp ? url : encodeUserInfo(url);
  const direct = URL.parse(encoded);
  const parsed = direct?.hostname ? direct : URL.parse(`${defaultScheme}://${encoded}`);
  if (!parsed?.hostname) return undefined;
  return {
    scheme: parsed.protocol.slice(0, -1),
    host: canonicalHost(parsed.hostname) ?? parsed.hostname.toLowerCase(),
    port: parsed.port === "" ? undefined : Number(parsed.port),
  };
}

/** Database passwords contain `/`, `#` and worse; the authority is what counts. */
function encodeUserInfo(url: string): string {
  const schemeEnd = url.indexOf("://");
  const start = schemeEnd < 0 ? 0 : schemeEnd + 3;
  // Only what every client takes for the authority: an `@` in the query must not move the host.
  const length = url.slice(start).search(/[/?#]/);
  const at = url.lastIndexOf("@", length < 0 ? undefined : start + length);
  if (at < start) return url;
  // Encoding what is encoded already does no harm: only host and port are looked at.
  return url.slice(0, start) + encodeURIComponent(url.slice(start, at).toWellFormed()) +
    url.slice(at);
}

/** `host[:port]`, for messages. */
export function formatAuthority({ host, port }: OutboundUrl): string {
  return port === undefined ? host : `${host}:${port}`;
}

/** Whether one of `entries` admits `url`; what is not a URL is not admitted. */
export function isAllowed(
  entries: readonly AllowedHost[],
  url: string | OutboundUrl,
  defaultScheme = "http",
): boolean {
  const target = typeof url === "string" ? parseOutboundUrl(url, defaultScheme) : url;
  if (!target) return false;
  if (isSelfHost(target)) return isSelfAllowed(entries);
  const port = target.port ?? DEFAULT_PORTS.get(target.scheme);
  return entries.some((entry) =>
    (entry.scheme === "*" || entry.scheme === target.scheme) &&
    isHostAllowed(entry.host, target.host) && isPortAllowed(entry.port, port)
  );
}

function isSelfHost({ scheme, host }: OutboundUrl): boolean {
  return host === "self.alt" && (scheme === "http" || scheme === "https");
}

/** Whether the app itself may be called: by a relative URL, or as host `self.alt`. */
export function isSelfAllowed(entries: readonly AllowedHost[]): boolean {
  return entries.some(({ scheme, host }) =>
    ["*", "http", "https"].includes(scheme) && (host.kind === "any" || host.kind === "self")
  );
}

/**
 * Whether some entry admits `host` on some port by some scheme: such a name may be looked up.
 * `host` is a name or an IP address.
 */
export function isHostMentioned(entries: readonly AllowedHost[], host: string): boolean {
  const canonical = canonicalHost(host);
  return canonical !== undefined && entries.some((entry) => isHostAllowed(entry.host, canonical));
}

function isHostAllowed(rule: HostRule, host: string): boolean {
  switch (rule.kind) {
    case "any":
      return true;
    case "self":
      return false;
    case "host":
      return rule.host === host;
    case "subdomains":
      return host.endsWith(rule.suffix) && addressFamily(host) === 0;
    case "network": {
      const family = addressFamily(host);
      return family !== 0 &&
        rule.list.check(withoutBrackets(host), family === 4 ? "ipv4" : "ipv6");
    }
  }
}

function addressFamily(host: string): number {
  return ipVersion(withoutBrackets(host));
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[|\]$/g, "");
}

function isPortAllowed(rule: PortRule, port: number | undefined): boolean {
  return rule === "any" || (port !== undefined && port >= rule.start && port < rule.end);
}

/**
 * The component an entry chains to: its id, `*` for every component, or undefined if the entry is
 * about something else. The entry may be a template; one that does not tell gives undefined.
 */
export function serviceChainingTarget(entry: string): string | undefined {
  const match = /^\s*[^:/]+:\/\/([^:/]+)(?::[^/]*)?\/?\s*$/.exec(entry);
  const host = match?.[1]?.toLowerCase();
  if (!host?.endsWith(SERVICE_CHAINING_SUFFIX)) return undefined;
  return host.slice(0, -SERVICE_CHAINING_SUFFIX.length);
}

/**
 * Replaces entries for `*.spin.internal` by one entry for each component of the app: a component
 * that does not exist is not allowed. The order is kept.
 */
export function expandServiceChaining(
  entries: readonly string[],
  componentIds: readonly string[],
): string[] {
  return entries.flatMap((entry) =>
    serviceChainingTarget(entry) === "*"
      ? componentIds.map((id) => entry.replace(/\*\.spin\.internal/i, () => `${id}.spin.internal`))
      : [entry]
  );
}
