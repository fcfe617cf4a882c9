/**
 * Brings a manifest into one form: every trigger has an id, every component stands at the top level,
 * the profile is applied, and every dependency says where its Wasm is.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { suggest } from "../../lib/nearest.ts";
import { checkKebabId } from "./identifiers.ts";
import type { JsonObject } from "./locked_app.ts";
import type {
  ComponentSpec,
  Manifest,
  ManifestComponent,
  ManifestDependency,
  ManifestSource,
  ManifestTrigger,
} from "./manifest.ts";
import type { ManifestReport } from "./manifest_report.ts";
import type { KeyPath } from "./toml_positions.ts";

/** A reference to a component, and where it is made. */
export interface ComponentReference {
  readonly id: string;
  readonly path: KeyPath;
}

/** A trigger whose components stand at the top level. */
export interface NormalTrigger {
  readonly id: string;
  readonly type: string;
  readonly component: ComponentReference | undefined;
  readonly components: readonly (readonly [string, readonly ComponentReference[]])[];
  readonly dependencies: readonly (readonly [string, readonly NormalDependency[]])[];
  readonly config: JsonObject;
  readonly path: KeyPath;
}

/** A dependency with a source of its own. */
export interface NormalDependency extends ManifestDependency {
  readonly source: ManifestSource;
}

/** A component whose dependencies have sources of their own. */
export interface NormalComponent extends ManifestComponent {
  readonly dependencies: readonly NormalDependency[];
}

/** A manifest in one form. */
export interface NormalManifest {
  readonly application: Manifest["application"];
  readonly variables: Manifest["variables"];
  readonly triggers: readonly NormalTrigger[];
  readonly components: ReadonlyMap<string, NormalComponent>;
  readonly profile: string | undefined;
}

/**
 * Normalizes `manifest`; references between components that lead nowhere go to the report.
 * @throws {TerminalError} if no component has the profile.
 */
export function normalizeManifest(
  manifest: Manifest,
  { profile, report }: { profile: string | undefined; report: ManifestReport },
): NormalManifest {
  const components = new Map(manifest.components);
  const lifted = assignTriggerIds(manifest.triggers)
    .map((trigger) => liftComponents(trigger, components));
  const profiled = applyProfile(components, profile);
  const resolver = { components: profiled, report };
  return {
    application: manifest.application,
    variables: manifest.variables,
    triggers: lifted.map((trigger) => ({
      ...trigger,
      dependencies: trigger.dependencies.map(([role, dependencies]) => [
        role,
        resolveDependencies(dependencies, { ...resolver, owner: `trigger ${trigger.id}` }),
      ]),
    })),
    components: new Map(
      [...profiled].map(([id, component]) => [id, {
        ...component,
        dependencies: resolveDependencies(component.dependencies, { ...resolver, owner: id }),
      }]),
    ),
    profile,
  };
}

function assignTriggerIds(triggers: readonly ManifestTrigger[]): ManifestTrigger[] {
  const taken = new Set(triggers.map(({ id }) => id));
  return triggers.map((trigger) => {
    if (trigger.id !== "") return trigger;
    const natural = trigger.component?.kind === "reference"
      ? `${trigger.component.id}-${trigger.type}-trigger`
      : undefined;
    const id = natural !== undefined && !taken.has(natural)
      ? natural
      : firstFree(`${trigger.type}-trigger`, taken);
    taken.add(id);
    return { ...trigger, id };
  });
}

function firstFree(prefix: string, taken: { has(id: string): boolean }): string {
  let counter = 1;
  while (taken.has(`${prefix}${counter}`)) counter++;
  return `${prefix}${counter}`;
}

type LiftedTrigger = Omit<NormalTrigger, "dependencies"> & Pick<ManifestTrigger, "dependencies">;

/** Moves the inline components of one trigger into `components`. */
function liftComponents(
  trigger: ManifestTrigger,
  components: Map<string, ManifestComponent>,
): LiftedTrigger {
  const specs = [
    ...(trigger.component ? [trigger.component] : []),
    ...trigger.components.flatMap(([, list]) => list),
  ];
  function lift(spec: ComponentSpec): ComponentReference {
    if (spec.kind === "reference") return { id: spec.id, path: spec.path };
    const natural = `${trigger.id}-component`;
    const isNatural = specs.length === 1 && checkKebabId(natural) === undefined &&
      !components.has(natural);
    const id = isNatural ? natural : firstFree("inline-component", components);
    components.set(id, spec.component);
    return { id, path: spec.path };
  }
  return {
    ...trigger,
    component: trigger.component && lift(trigger.component),
    components: trigger.components.map(([role, list]) => [role, list.map(lift)]),
  };
}

function applyProfile(
  components: ReadonlyMap<string, ManifestComponent>,
  profile: string | undefined,
): Map<string, ManifestComponent> {
  if (profile === undefined) return new Map(components);
  const names = new Set([...components.values()].flatMap(({ profiles }) => [...profiles.keys()]));
  if (!names.has(profile)) {
    throw new TerminalError(
      "UnknownProfile",
      `Profile ${profile} is not defined in this application; ${suggest(profile, names)}`,
    );
  }
  return new Map([...components].map(([id, component]) => [id, withProfile(component, profile)]));
}

/** A component that lacks the profile keeps its base settings. */
function withProfile(component: ManifestComponent, name: string): ManifestComponent {
  const profile = component.profiles.get(name);
  if (!profile) return component;
  const { build } = component;
  return {
    ...component,
    source: profile.source ?? component.source,
    environment: [...new Map([...component.environment, ...profile.environment])],
    dependencies: [
      ...component.dependencies.filter((base) =>
        profile.dependencies.every((other) => other.name !== base.name)
      ),
      ...profile.dependencies,
    ],
    build: profile.buildCommand === undefined ? build : {
      command: profile.buildCommand,
      workdir: build?.workdir,
      watch: build?.watch ?? [],
    },
  };
}

interface DependencyResolver {
  readonly components: ReadonlyMap<string, ManifestComponent>;
  readonly report: ManifestReport;
  /** Who depends. */
  readonly owner: string;
}

function resolveDependencies(
  dependencies: readonly ManifestDependency[],
  resolver: DependencyResolver,
): NormalDependency[] {
  return dependencies.flatMap((dependency) => {
    const source = dependency.source.kind === "component"
      ? resolveComponent(dependency, { ...resolver, id: dependency.source.component })
      : dependency.source;
    return source ? [{ ...dependency, source }] : [];
  });
}

function resolveComponent(
  dependency: ManifestDependency,
  { components, report, owner, id }: DependencyResolver & { id: string },
): ManifestSource | undefined {
  const component = components.get(id);
  if (!component) {
    report.add(
      dependency.path,
      `dependency ID ${id} does not exist; ${suggest(id, components.keys())}`,
    );
    return undefined;
  }
  if (component.permissionFields.length > 0) {
    report.add(
      dependency.path,
      "Dependencies may not have their own resources or permissions. " +
        `Component ${id} cannot be used as a dependency of ${owner} because it specifies: ` +
        component.permissionFields.join(", "),
    );
  }
  return component.source;
}
