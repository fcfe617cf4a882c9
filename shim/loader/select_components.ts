/**
 * Running a part of an app: `--component-id`.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { suggest } from "../../lib/nearest.ts";
import { serviceChainingTarget } from "./allowed_hosts.ts";
import type { Json, LockedApp } from "./locked_app.ts";

/** What {@link checkSelection} has to know of a component. */
export interface SelectableComponent {
  readonly id: string;
  /** Templates are allowed; those that do not tell their host are ignored. */
  readonly allowedOutboundHosts: readonly string[];
}

/**
 * Checks that the selected components exist and do not chain to others.
 * @throws {TerminalError} with everything that is wrong.
 */
export function checkSelection(
  components: readonly SelectableComponent[],
  selected: readonly string[],
): void {
  const ids = components.map(({ id }) => id);
  const unknown = selected.filter((id) => !ids.includes(id)).map((id) =>
    `Specified component ${JSON.stringify(id)} not found in application; ${suggest(id, ids)}`
  );
  const chained = components.filter(({ id }) => selected.includes(id))
    .flatMap((component) => findChains(component, selected));
  const problems = [...unknown, ...chained];
  if (problems.length > 0) throw new TerminalError("InvalidSelection", problems.join("\n"));
}

function findChains(component: SelectableComponent, selected: readonly string[]): string[] {
  return component.allowedOutboundHosts.flatMap((host) => {
    const target = serviceChainingTarget(host);
    if (target === undefined || selected.includes(target)) return [];
    const way = target === "*"
      ? "wildcard service chaining"
      : "service chaining to unselected component";
    return [
      `Selected component '${component.id}' cannot use ${way}: ` +
      `allowed_outbound_hosts: ["http://${target}.spin.internal"]`,
    ];
  });
}

/**
 * The app with only the components `ids` and their triggers. All of it if `ids` is empty.
 * @throws {TerminalError} as {@link checkSelection} does.
 */
export function selectComponents(app: LockedApp, ids: readonly string[]): LockedApp {
  if (ids.length === 0) return app;
  const components = app.components.map((component) => ({
    id: component.id,
    allowedOutboundHosts: strings(component.metadata?.allowed_outbound_hosts),
  }));
  checkSelection(components, ids);
  return {
    ...app,
    components: app.components.filter(({ id }) => ids.includes(id)),
    triggers: app.triggers.filter(({ trigger_config: config }) =>
      isTriggerSelected(triggerComponents(config), ids)
    ),
  };
}

/** A trigger without a main component is kept for any of its components; a static one goes. */
export function isTriggerSelected(
  components: { readonly main: string | undefined; readonly others: readonly string[] },
  ids: readonly string[],
): boolean {
  return components.main === undefined
    ? components.others.some((id) => ids.includes(id))
    : ids.includes(components.main);
}

function triggerComponents(
  config: LockedApp["triggers"][number]["trigger_config"],
): { main: string | undefined; others: string[] } {
  const { component, components } = config;
  const roles = typeof components === "object" && components !== null
    ? Object.values(components)
    : [];
  return {
    main: typeof component === "string" ? component : undefined,
    others: roles.flatMap((role) => strings(role)),
  };
}

function strings(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
