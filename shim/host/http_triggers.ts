/**
 * The HTTP triggers of a locked app, as the host uses them.
 *
 * @module
 */

import type { Json, JsonObject, LockedApp } from "../loader/locked_app.ts";

/** An answer without a component. */
export interface StaticResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** `executor = { type = "wagi" }`. */
export interface WagiExecutor {
  /** The template of the program's arguments; undefined: the usual ones. */
  readonly argv: string | undefined;
}

/** One HTTP trigger. */
export interface HttpRoute {
  readonly triggerId: string;
  /** The component's id; empty for a static response. */
  readonly component: string;
  /** Undefined for a private route: reachable by service chaining only. */
  readonly route: string | undefined;
  readonly staticResponse: StaticResponse | undefined;
  /** Set if the component is a WAGI program; otherwise its exports tell how it is called. */
  readonly wagi: WagiExecutor | undefined;
}

/** The HTTP triggers of an app, in order. The loader has validated them. */
export function httpRoutes(app: LockedApp): HttpRoute[] {
  return app.triggers.filter((trigger) => trigger.trigger_type === "http").map((trigger) => {
    const { route, component, static_response: fixed, executor } = trigger.trigger_config;
    return {
      triggerId: trigger.id,
      component: typeof component === "string" ? component : "",
      route: typeof route === "string" ? route : undefined,
      staticResponse: isObject(fixed) ? parseStaticResponse(fixed) : undefined,
      wagi: isObject(executor) && executor.type === "wagi"
        ? { argv: typeof executor.argv === "string" ? executor.argv : undefined }
        : undefined,
    };
  });
}

/**
 * The executor of each component that has a route. Of several routes of one component the last one
 * counts, as in the original.
 */
export function componentExecutors(
  routes: readonly HttpRoute[],
): Map<string, WagiExecutor | undefined> {
  return new Map(
    routes.filter(({ component }) => component !== "")
      .map(({ component, wagi }) => [component, wagi]),
  );
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseStaticResponse(config: JsonObject): StaticResponse {
  const headers: Record<string, string> = {};
  if (isObject(config.headers)) {
    for (const [name, value] of Object.entries(config.headers)) headers[name] = String(value);
  }
  return {
    status: typeof config.status_code === "number" ? config.status_code : 200,
    headers,
    body: typeof config.body === "string" ? config.body : undefined,
  };
}
