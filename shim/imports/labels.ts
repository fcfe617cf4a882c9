/**
 * Lists of labels in a locked component's metadata.
 *
 * @module
 */

import type { LockedComponent } from "../loader/locked_app.ts";

/** Keys of a component's metadata that hold a list of strings. */
export type LabelKey =
  | "key_value_stores"
  | "databases"
  | "ai_models"
  | "allowed_outbound_hosts";

/** The strings under `key`; absent is empty. */
export function componentLabels(component: LockedComponent, key: LabelKey): string[] {
  const value = component.metadata?.[key];
  return Array.isArray(value) ? value.filter((label) => typeof label === "string") : [];
}
