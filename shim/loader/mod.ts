/**
 * The loader: from where an app is to a {@link LockedApp}.
 *
 * @module
 */

export type { AppOutline, OutlineVariable } from "./app_outline.ts";
export { type AppSource, findAppSource, looksLikeRegistryReference } from "./app_source.ts";
export {
  type BuildCommands,
  loadApp,
  type LoadedApp,
  type LoadOptions,
  readAppOutline,
  readBuildCommands,
  withEnvironment,
} from "./load_app.ts";
export type * from "./locked_app.ts";
export { parseLockedApp } from "./parse_locked_app.ts";
export { checkSelection, selectComponents } from "./select_components.ts";
