/**
 * What `up` says on stdout once it serves: the base URL and the routes. Scripts read it.
 *
 * @module
 */

import type { LockedApp } from "../loader/locked_app.ts";
import { type HttpRoute, httpRoutes } from "./http_triggers.ts";
import { Router } from "./router.ts";

/** How and for which address to announce. */
export interface AnnounceOptions {
  /** Without a slash at the end: `http://127.0.0.1:3000`. */
  readonly baseUrl: string;
  readonly format: "plain" | "json" | "none";
}

/** A public route. */
export interface AnnouncedRoute {
  /** The component, or the trigger of a static response. */
  readonly id: string;
  /** The path up to the wildcard; empty for a wildcard at the root. */
  readonly route: string;
  readonly wildcard: boolean;
  readonly description?: string;
}

/** Prints {@link formatAnnouncement} on stdout. */
export function announce(app: LockedApp, options: AnnounceOptions): void {
  if (options.format !== "none") console.log(formatAnnouncement(app, options));
}

/** The listing of an app's public routes, in the order of the app, without a newline at the end. */
export function formatAnnouncement(app: LockedApp, { baseUrl, format }: AnnounceOptions): string {
  const routes = announcedRoutes(app);
  if (format === "json") return JSON.stringify({ base_url: baseUrl, routes }, null, 2);
  const lines = routes.flatMap(({ id, route, wildcard, description }) => [
    `  ${id}: ${baseUrl}${route}${wildcard ? " (wildcard)" : ""}`,
    ...(description === undefined ? [] : [`    ${description}`]),
  ]);
  return ["", `Serving ${baseUrl}`, "Available Routes:", ...lines].join("\n");
}

/** The public routes that are used, in the order of the app. */
export function announcedRoutes(app: LockedApp): AnnouncedRoute[] {
  const descriptions = new Map(
    app.components.map(({ id, metadata }) => [id, metadata?.description]),
  );
  const patterns = httpRoutes(app).flatMap((target) =>
    target.route === undefined ? [] : [{ route: target.route, target }]
  );
  const unused = new Set(new Router(patterns).duplicates.map(({ target }) => target));
  return patterns.filter(({ target }) => !unused.has(target)).map(({ route, target }) => ({
    id: target.component || target.triggerId,
    ...splitWildcard(route),
    ...describe(target, descriptions.get(target.component)),
  }));
}

function describe(target: HttpRoute, description: unknown): { description?: string } {
  const isKnown = target.component !== "" && typeof description === "string" && description !== "";
  return isKnown ? { description } : {};
}

function splitWildcard(pattern: string): { route: string; wildcard: boolean } {
  const rooted = pattern.startsWith("/") ? pattern : `/${pattern}`;
  const prefix = rooted.replace(/\/(?:\.\.\.|\*)$/, "");
  if (prefix !== rooted) return { route: prefix, wildcard: true };
  return { route: rooted.length > 1 ? rooted.replace(/\/$/, "") : rooted, wildcard: false };
}
