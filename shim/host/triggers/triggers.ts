/**
 * The trigger types beside HTTP: which there are, and their start. The code of a type is loaded for
 * apps that have it.
 *
 * @module
 */

import { TerminalError } from "../../../lib/errors.ts";
import type { JsonObject, LockedApp } from "../../loader/locked_app.ts";
import type { RunningTrigger, StartTrigger, TriggerInit } from "../trigger.ts";

const TYPES: Readonly<Record<string, () => Promise<StartTrigger>>> = {
  command: async () => (await import("./command_trigger.ts")).startCommandTrigger,
  cron: async () => (await import("./cron_trigger.ts")).startCronTrigger,
  mqtt: async () => (await import("./mqtt_trigger.ts")).startMqttTrigger,
  redis: async () => (await import("./redis_trigger.ts")).startRedisTrigger,
  sqs: async () => (await import("./sqs_trigger.ts")).startSqsTrigger,
};

/** All trigger types that the host has. */
export const TRIGGER_TYPES: readonly string[] = ["http", ...Object.keys(TYPES)];

/** @throws {TerminalError} naming the types that the host does not have. */
export function checkTriggerTypes(app: LockedApp): void {
  const unknown = new Set(
    app.triggers.map(({ trigger_type: type }) => type).filter((type) =>
      !TRIGGER_TYPES.includes(type)
    ),
  );
  if (unknown.size === 0) return;
  throw new TerminalError(
    "UnknownTrigger",
    `The app has triggers of type ${
      [...unknown].map((type) => `'${type}'`).join(", ")
    }; there are ` +
      `${TRIGGER_TYPES.join(", ")}. Select components with other triggers with --component-id.`,
  );
}

/**
 * Starts every trigger of the app but HTTP.
 * @returns One for each type, in the app's order. If one does not start, those before are stopped.
 */
export async function startTriggers(
  app: LockedApp,
  parts: Omit<TriggerInit, "triggers" | "globals">,
): Promise<RunningTrigger[]> {
  const types = new Set(app.triggers.map(({ trigger_type: type }) => type));
  types.delete("http");
  const running: RunningTrigger[] = [];
  try {
    for (const type of types) {
      const start = await TYPES[type]!();
      running.push(
        await start({
          ...parts,
          triggers: app.triggers.filter((trigger) => trigger.trigger_type === type),
          globals: globalsOf(app, type),
        }),
      );
    }
    return running;
  } catch (error) {
    for (const trigger of running) {
      trigger.ended.catch(() => {
        // The first failure is the one that is told.
      });
      await trigger.stop(0);
    }
    throw error;
  }
}

function globalsOf({ metadata }: LockedApp, type: string): JsonObject {
  const all = metadata.triggers as Record<string, JsonObject> | undefined;
  if (all?.[type]) return all[type];
  // Apps that were locked by old versions have one trigger type, and its settings here.
  const only = metadata.trigger as JsonObject | undefined;
  return only?.type === type ? only : {};
}
