/**
 * What a manifest for Kubernetes has to know of an app.
 *
 * @module
 */

import type { LockedApp } from "./locked_app.ts";
import type { SelectableComponent } from "./select_components.ts";

/** An app without its content. */
export interface AppOutline {
  readonly name: string;
  readonly variables: readonly OutlineVariable[];
  readonly components: readonly SelectableComponent[];
}

/** A variable of an app. */
export interface OutlineVariable {
  readonly name: string;
  /** It has no default: the app does not start without a value. */
  readonly isRequired: boolean;
  readonly isSecret: boolean;
}

/** The outline of an app that was built. */
export function outlineOf(app: LockedApp): AppOutline {
  const { name } = app.metadata;
  return {
    name: typeof name === "string" ? name : "",
    variables: Object.entries(app.variables ?? {}).map((
      [variable, { default: value, secret }],
    ) => ({
      name: variable,
      isRequired: value === undefined,
      isSecret: secret === true,
    })),
    components: app.components.map(({ id, metadata }) => {
      const hosts = metadata?.allowed_outbound_hosts;
      return {
        id,
        allowedOutboundHosts: Array.isArray(hosts)
          ? hosts.filter((host) => typeof host === "string")
          : [],
      };
    }),
  };
}
