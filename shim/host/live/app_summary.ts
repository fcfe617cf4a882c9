/**
 * An app as the live page describes it.
 *
 * @module
 */

import type { LockedApp } from "../../loader/locked_app.ts";
import { announcedRoutes } from "../announce.ts";

/** One trigger of an app. */
export interface TriggerSummary {
  /** `http`, `redis`, … */
  readonly type: string;
  /** Of a static response, the trigger's id. */
  readonly component: string;
  /** The route, or what the trigger listens to. */
  readonly detail: string;
  /** Where a browser gets to it. */
  readonly url?: string;
}

/** An app. */
export interface AppSummary {
  readonly name: string;
  /** Empty if it has none. */
  readonly version: string;
  readonly triggers: readonly TriggerSummary[];
}

/** Settings that tell what a trigger listens to. Others may hold addresses with passwords. */
const TOLD_SETTINGS: readonly string[] = ["channel", "topic", "cron_expression", "queue_url"];

/** @param options.baseUrl Where HTTP routes are, without a slash at the end. */
export function summarizeApp(app: LockedApp, { baseUrl }: { baseUrl: string }): AppSummary {
  const { name, version } = app.metadata;
  const routes = announcedRoutes(app).map(({ id, route, wildcard }) => ({
    type: "http",
    component: id,
    detail: wildcard ? `${route}/...` : route,
    url: `${reachable(baseUrl)}${route || "/"}`,
  }));
  const others = app.triggers.filter(({ trigger_type: type }) => type !== "http").map((trigger) => {
    const { component, ...config } = trigger.trigger_config;
    return {
      type: trigger.trigger_type,
      component: typeof component === "string" ? component : trigger.id,
      detail: TOLD_SETTINGS.flatMap((key) => typeof config[key] === "string" ? [config[key]] : [])
        .join(" "),
    };
  });
  return {
    name: String(name ?? ""),
    version: typeof version === "string" ? version : "",
    triggers: [...routes, ...others],
  };
}

/** Whoever listens everywhere is reached on this machine. */
function reachable(baseUrl: string): string {
  return baseUrl.replace("//0.0.0.0", "//127.0.0.1").replace("//[::]", "//[::1]");
}
