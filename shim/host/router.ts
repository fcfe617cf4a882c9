/**
 * Spin's HTTP routes: which trigger answers a path. Matches spin:crates/routes.
 *
 * @module
 */

/** One segment of a pattern. */
type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "param"; readonly name: string; readonly suffix: string };

/** A route pattern, parsed. */
export interface RoutePattern {
  /** As written in the manifest. */
  readonly raw: string;
  /** With a leading `/` and without a trailing one; `/...` stays. */
  readonly canonical: string;
  readonly segments: readonly Segment[];
  /** Whether it ends in `/...` or `/*`. */
  readonly hasWildcard: boolean;
}

/** A route that matched. */
export interface RouteMatch<T> {
  readonly target: T;
  readonly pattern: RoutePattern;
  /** Values of `:name` segments, raw, in order. */
  readonly params: readonly (readonly [string, string])[];
  /** Spin's path info: what the wildcard caught, raw. */
  readonly pathInfo: string;
}

/** Parses a pattern. Patterns have been validated when the manifest was read. */
export function parseRoute(raw: string): RoutePattern {
  let path = raw.startsWith("/") ? raw : `/${raw}`;
  let hasWildcard = false;
  for (const suffix of ["/...", "/*"]) {
    if (path.endsWith(suffix)) {
      hasWildcard = true;
      path = path.slice(0, -suffix.length);
      break;
    }
  }
  path = path.replace(/\/+$/, "");
  const segments = path === "" ? [] : path.slice(1).split("/").map(parseSegment);
  return {
    raw,
    canonical: (path === "" && !hasWildcard ? "/" : path) + (hasWildcard ? "/..." : ""),
    segments,
    hasWildcard,
  };
}

function parseSegment(text: string): Segment {
  if (!text.startsWith(":")) return { kind: "literal", text };
  const dot = text.indexOf(".");
  return dot < 0
    ? { kind: "param", name: text.slice(1), suffix: "" }
    : { kind: "param", name: text.slice(1, dot), suffix: text.slice(dot) };
}

interface Entry<T> {
  readonly pattern: RoutePattern;
  readonly target: T;
  readonly order: number;
}

/**
 * The routes of an app. The most specific pattern wins: literal before parameter before wildcard,
 * segment by segment, then the shorter, then the earlier one. Of equal patterns the last wins.
 */
export class Router<T> {
  readonly #entries: Entry<T>[];
  readonly #exact = new Map<string, Entry<T>>();
  /** Patterns that never match because a later one is the same. */
  readonly duplicates: { target: T; route: string; winner: T }[] = [];

  constructor(routes: readonly { route: string; target: T }[]) {
    const byPattern = new Map<string, Entry<T>>();
    routes.forEach(({ route, target }, order) => {
      const pattern = parseRoute(route);
      const before = byPattern.get(pattern.canonical);
      if (before) {
        this.duplicates.push({ target: before.target, route: before.pattern.raw, winner: target });
      }
      byPattern.set(pattern.canonical, { pattern, target, order });
    });
    this.#entries = [...byPattern.values()].sort(compareEntries);
    for (const entry of this.#entries) {
      const isLiteral = entry.pattern.segments.every((segment) => segment.kind === "literal");
      if (isLiteral && !entry.pattern.hasWildcard) this.#exact.set(entry.pattern.canonical, entry);
    }
  }

  /** The route for a raw request path, without its query. */
  match(path: string): RouteMatch<T> | undefined {
    const trimmed = path === "/" ? path : trimSlashes(path);
    // A literal route that equals the path is the most specific one there can be.
    const exact = this.#exact.get(trimmed);
    if (exact) return { target: exact.target, pattern: exact.pattern, params: [], pathInfo: "" };
    const segments = trimmed === "/" ? [] : trimmed.slice(1).split("/");
    const hasTrailingSlash = path.endsWith("/") && path.length > 1;
    for (const { pattern, target } of this.#entries) {
      const params = matchSegments(pattern, segments);
      if (!params) continue;
      const rest = segments.slice(pattern.segments.length);
      const pathInfo = pattern.hasWildcard
        ? (rest.length > 0 ? `/${rest.join("/")}` : "") + (hasTrailingSlash ? "/" : "")
        : "";
      return { target, pattern, params, pathInfo };
    }
    return undefined;
  }
}

/** All slashes at both ends are ignored; those inside count. */
function trimSlashes(path: string): string {
  let start = 0;
  let end = path.length;
  while (start < end && path.charCodeAt(start) === 0x2f) start++;
  while (end > start && path.charCodeAt(end - 1) === 0x2f) end--;
  return start === 1 && end === path.length ? path : `/${path.slice(start, end)}`;
}

function matchSegments(
  pattern: RoutePattern,
  segments: readonly string[],
): (readonly [string, string])[] | undefined {
  const { length } = pattern.segments;
  if (segments.length < length || (!pattern.hasWildcard && segments.length > length)) {
    return undefined;
  }
  const params: [string, string][] = [];
  for (let i = 0; i < length; i++) {
    const wanted = pattern.segments[i]!;
    const actual = segments[i]!;
    if (wanted.kind === "literal") {
      if (wanted.text !== actual) return undefined;
      continue;
    }
    if (!actual.endsWith(wanted.suffix)) return undefined;
    const value = actual.slice(0, actual.length - wanted.suffix.length);
    if (value === "" || (wanted.suffix !== "" && value.includes("."))) return undefined;
    params.push([wanted.name, value]);
  }
  return params;
}

function compareEntries<T>(a: Entry<T>, b: Entry<T>): number {
  const left = a.pattern.segments;
  const right = b.pattern.segments;
  const shared = Math.min(left.length, right.length);
  for (let i = 0; i < shared; i++) {
    const difference = rank(left[i]!) - rank(right[i]!);
    if (difference !== 0) return difference;
  }
  if (left.length !== right.length) {
    // Where the shorter pattern has ended, its wildcard meets a segment of the longer one, which is
    // more specific; without a wildcard the two never match the same path.
    return right.length - left.length;
  }
  if (a.pattern.hasWildcard !== b.pattern.hasWildcard) return a.pattern.hasWildcard ? 1 : -1;
  return a.order - b.order;
}

/** Literal before parameter with a dotted suffix before plain parameter. */
function rank(segment: Segment): number {
  if (segment.kind === "literal") return 0;
  return 1 + 1 / (1 + segment.suffix.split(".").length);
}
