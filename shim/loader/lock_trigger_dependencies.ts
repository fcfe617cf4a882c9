/**
 * Gives the dependencies of triggers (HTTP middleware) to the components that the triggers use.
 * Matches spin:crates/loader/src/trigger_components.rs.
 *
 * @module
 */

import type { LockedComponent, LockedDependency, LockedTrigger } from "./locked_app.ts";

type Dependencies = Record<string, LockedDependency[]>;

/**
 * Moves `trigger_dependencies` from the triggers to their components. Where triggers of one
 * component disagree, each that has some gets a component of its own, `<component>-for-<trigger>`;
 * the original stays for the others and for service chaining. Nothing given is changed.
 */
export function attachTriggerDependencies(
  triggers: readonly LockedTrigger[],
  components: readonly LockedComponent[],
): { triggers: LockedTrigger[]; components: LockedComponent[] } {
  const disagreeing = findDisagreement(triggers);
  const clones: LockedComponent[] = [];
  const own = new Map<string, LockedComponent>();
  const moved = triggers.map(({ trigger_dependencies: dependencies, ...trigger }) => {
    const id = trigger.trigger_config.component;
    const component = components.find((candidate) => candidate.id === id);
    if (!dependencies || !component) return { ...trigger };
    const attached = attach(component, { dependencies, type: trigger.trigger_type });
    if (!disagreeing.has(component.id)) {
      own.set(component.id, attached);
      return { ...trigger };
    }
    const clone = { ...attached, id: `${component.id}-for-${trigger.id}` };
    clones.push(clone);
    return { ...trigger, trigger_config: { ...trigger.trigger_config, component: clone.id } };
  });
  return {
    triggers: moved,
    components: [...components.map((component) => own.get(component.id) ?? component), ...clones],
  };
}

/** The components whose triggers do not all have the same dependencies. */
function findDisagreement(triggers: readonly LockedTrigger[]): Set<unknown> {
  const first = new Map<unknown, string>();
  const disagreeing = new Set<unknown>();
  for (const { trigger_config: { component }, trigger_dependencies: dependencies } of triggers) {
    if (component === undefined) continue;
    const text = JSON.stringify(dependencies ?? {});
    if ((first.get(component) ?? text) !== text) disagreeing.add(component);
    first.set(component, text);
  }
  return disagreeing;
}

function attach(
  component: LockedComponent,
  { dependencies, type }: { dependencies: Dependencies; type: string },
): LockedComponent {
  const { host_requirements: requirements, ...rest } = component;
  return {
    ...rest,
    metadata: { ...component.metadata, "resolve-trigger-dependencies-using": type },
    trigger_dependencies: dependencies,
    host_requirements: { ...requirements, middleware: "required" },
  };
}
