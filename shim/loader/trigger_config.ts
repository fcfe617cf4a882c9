/**
 * The configuration of a trigger as the locked app carries it.
 *
 * @module
 */

import type { JsonObject } from "./locked_app.ts";
import type { NormalTrigger } from "./normalize.ts";

/** The trigger type's own configuration with `component` and `components` as ids. */
export function triggerConfig(trigger: NormalTrigger): JsonObject {
  const config: JsonObject = Object.assign(Object.create(null), trigger.config);
  if (trigger.component) config.component = trigger.component.id;
  if (trigger.components.length > 0) {
    config.components = Object.fromEntries(
      trigger.components.map(([role, list]) => [role, list.map(({ id }) => id)]),
    );
  }
  return config;
}
