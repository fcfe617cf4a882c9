/**
 * The locked app: what every loader produces and every host runs. The types are Spin's own
 * `spin.lock` JSON (`spin_lock_version` 0 and 1), key for key, so that a file written by Spin can be
 * read and a file written here can be read by Spin.
 *
 * @module
 */

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** A whole application, its content referenced but not loaded. */
export interface LockedApp {
  /** 1 if `must_understand` or `host_requirements` is not empty, else 0. */
  spin_lock_version: 0 | 1;
  must_understand?: string[];
  /** `name`, `version`, `description`, `authors`, `triggers`, `trigger`, `origin`, `profile`, … */
  metadata: JsonObject;
  host_requirements?: JsonObject;
  variables?: Record<string, LockedVariable>;
  triggers: LockedTrigger[];
  components: LockedComponent[];
}

/** An app variable. Without a default it is required. */
export interface LockedVariable {
  description?: string;
  default?: string;
  /** Tools mask the value; the host never logs it. */
  secret?: true;
}

/** One trigger entry; `trigger_config` is the trigger type's own configuration. */
export interface LockedTrigger {
  id: string;
  trigger_type: string;
  trigger_config: JsonObject;
  trigger_dependencies?: Record<string, LockedDependency[]>;
}

/** Where bytes come from. At least one member is present. */
export interface ContentRef {
  /** A `file:` URL. */
  source?: string;
  /** Standard base64 without padding. */
  inline?: string;
  /** `sha256:<hex>`. */
  digest?: string;
}

/** One component of the app. */
export interface LockedComponent {
  id: string;
  /** `description`, `allowed_outbound_hosts`, `key_value_stores`, `databases`, `ai_models`, `build`. */
  metadata?: JsonObject;
  source: { content_type: string } & ContentRef;
  env?: Record<string, string>;
  /** Directories (or single files) the guest sees, at `path`. */
  files?: ({ path: string } & ContentRef)[];
  /** The component's own variables: name → template over the app's variables. */
  config?: Record<string, string>;
  dependencies?: Record<string, LockedDependency>;
  trigger_dependencies?: Record<string, LockedDependency[]>;
  host_requirements?: JsonObject;
}

/** A component that another one imports from. */
export interface LockedDependency {
  source: { content_type: string } & ContentRef;
  export: string | null;
  inherit?: "All" | { Some: string[] };
}
