/**
 * A manifest as the loader works with it: what version 1 and version 2 of `spin.toml` have in
 * common once read. Each part remembers its place in the file.
 *
 * @module
 */

import type { JsonObject } from "./locked_app.ts";
import type { KeyPath } from "./toml_positions.ts";

/** A whole manifest. */
export interface Manifest {
  readonly application: ManifestApplication;
  readonly variables: readonly ManifestVariable[];
  /** Grouped by type, in the order of the file. */
  readonly triggers: readonly ManifestTrigger[];
  readonly components: ReadonlyMap<string, ManifestComponent>;
}

/** `[application]`, or the top level of version 1. */
export interface ManifestApplication {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly authors: readonly string[];
  /** Global trigger configuration by type, with its place. */
  readonly triggers: ReadonlyMap<string, { readonly config: JsonObject; readonly path: KeyPath }>;
}

/** An app variable. */
export interface ManifestVariable {
  readonly name: string;
  readonly description: string | undefined;
  readonly default: string | undefined;
  readonly isRequired: boolean;
  readonly isSecret: boolean;
  readonly path: KeyPath;
}

/** Where Wasm comes from. */
export type ManifestSource =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "url"; readonly url: string; readonly digest: string }
  | {
    readonly kind: "registry";
    readonly package: string;
    readonly version: string;
    readonly registry: string | undefined;
  };

/** Files of a component. */
export type FileMount =
  | { readonly kind: "pattern"; readonly pattern: string }
  | { readonly kind: "placement"; readonly source: string; readonly destination: string };

/** What a dependency gets of its parent's permissions; undefined: nothing is said, and nothing given. */
export type InheritSetting = "All" | { readonly Some: readonly string[] } | undefined;

/** A dependency of a component or of a trigger. */
export interface ManifestDependency {
  /** Name of the import it satisfies; of a trigger's dependency, the role. */
  readonly name: string;
  readonly source: ManifestSource | { readonly kind: "component"; readonly component: string };
  readonly export: string | null;
  readonly inherit: InheritSetting;
  readonly path: KeyPath;
}

/** How a component is built. */
export interface ManifestBuild {
  readonly command: string | readonly string[];
  readonly workdir: string | undefined;
  readonly watch: readonly string[];
}

/** What `--profile` changes. */
export interface ManifestProfile {
  readonly source: ManifestSource | undefined;
  readonly environment: readonly (readonly [string, string])[];
  readonly dependencies: readonly ManifestDependency[];
  readonly buildCommand: string | readonly string[] | undefined;
  readonly path: KeyPath;
}

/** A component. */
export interface ManifestComponent {
  readonly source: ManifestSource | undefined;
  readonly description: string;
  /** Name and template. */
  readonly variables: readonly (readonly [string, string])[];
  /** Where {@link variables} stand. */
  readonly variablesPath: KeyPath;
  readonly environment: readonly (readonly [string, string])[];
  readonly files: readonly FileMount[];
  readonly excludeFiles: readonly string[];
  /** With the converted `allowed_http_hosts`, each with its place. */
  readonly allowedOutboundHosts: readonly { readonly text: string; readonly path: KeyPath }[];
  /** The fields that give permissions, as written: for the rules of dependencies. */
  readonly permissionFields: readonly string[];
  readonly keyValueStores: readonly string[];
  readonly sqliteDatabases: readonly string[];
  readonly aiModels: readonly string[];
  readonly build: ManifestBuild | undefined;
  readonly dependencies: readonly ManifestDependency[];
  readonly profiles: ReadonlyMap<string, ManifestProfile>;
  readonly path: KeyPath;
}

/** A component named, or written in place. */
export type ComponentSpec =
  | { readonly kind: "reference"; readonly id: string; readonly path: KeyPath }
  | { readonly kind: "inline"; readonly component: ManifestComponent; readonly path: KeyPath };

/** A trigger. */
export interface ManifestTrigger {
  /** Empty until ids have been assigned. */
  readonly id: string;
  readonly type: string;
  readonly component: ComponentSpec | undefined;
  /** Further components by role. */
  readonly components: readonly (readonly [role: string, specs: readonly ComponentSpec[]])[];
  readonly dependencies: readonly (readonly [
    role: string,
    dependencies: readonly ManifestDependency[],
  ])[];
  /** What the trigger type itself understands. */
  readonly config: JsonObject;
  readonly path: KeyPath;
}
