/**
 * The MQTT trigger: components get the messages of topics. Matches the plugin's version 0.7, but a
 * lost connection is made again, and a message is confirmed when its component is done with it.
 *
 * @module
 */

import { TerminalError } from "../../../lib/errors.ts";
import type { JsonObject } from "../../loader/locked_app.ts";
import { createMqttSubscription, mqttBrokerName } from "../../imports/mqtt_subscription.ts";
import type { RunningTrigger, TriggerInit } from "../trigger.ts";
import { firstFailure, keepConnected } from "./backoff.ts";
import { type CallHandler, findHandler, handlerFailure } from "./handler.ts";

interface Subscription {
  readonly address: string;
  readonly username: string;
  readonly password: string;
  readonly keepAliveSeconds: number;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly component: string;
  readonly handle: CallHandler;
}

const DEFAULT_KEEP_ALIVE_SECONDS = 30;

/** Starts the MQTT triggers of an app, each with a connection of its own. */
export async function startMqttTrigger(init: TriggerInit): Promise<RunningTrigger> {
  const { report, announce } = init;
  const subscriptions = await Promise.all(
    init.triggers.map((_, index) => readTrigger(init, index)),
  );
  const stop = new AbortController();
  const working = new Set<Promise<void>>();
  const connections = subscriptions.map((subscription) =>
    keepConnected({
      what: `MQTT broker ${mqttBrokerName(subscription.address)}`,
      report,
      signal: stop.signal,
      connect: createMqttSubscription({
        ...subscription,
        onMessage(topic, payload) {
          const work = deliver(subscription, { topic, payload, report });
          working.add(work);
          return work.finally(() => working.delete(work));
        },
      }),
    })
  );
  announce([
    "MQTT subscriptions:",
    ...subscriptions.map(({ address, topic, component }) =>
      `\t${mqttBrokerName(address)} ${topic}: ${component}`
    ),
  ]);
  return {
    ended: firstFailure(connections),
    async stop(graceMs) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, graceMs));
      await Promise.race([Promise.all(working), late]);
      clearTimeout(timer);
      stop.abort();
      await Promise.allSettled(connections);
    },
  };
}

/** Never rejects: the broker would send a message again and again that its component cannot take. */
async function deliver(
  { component, handle }: Subscription,
  { topic, payload, report }: {
    topic: string;
    payload: Uint8Array;
    report: (lines: string[]) => void;
  },
): Promise<void> {
  try {
    await handle(payload, { topic });
  } catch (error) {
    report([
      `Error handling a message of topic "${topic}": component "${component}": ${
        handlerFailure(error)
      }`,
    ]);
  }
}

async function readTrigger(init: TriggerInit, index: number): Promise<Subscription> {
  const { id, trigger_config: config } = init.triggers[index]!;
  const text = (key: string) => renderSetting(init, { config, key });
  const address = await text("address");
  const topic = await text("topic");
  if (address === "" || topic === "") {
    throw new TerminalError(
      "InvalidTrigger",
      `mqtt trigger "${id}" has no ${address === "" ? "address" : "topic"}; set it there` +
        (address === "" ? ", or in [application.trigger.mqtt]" : ""),
    );
  }
  mqttBrokerName(address); // says what is wrong with an address before anything runs
  const component = String(config.component);
  return {
    address,
    topic,
    component,
    username: await text("username"),
    password: await text("password"),
    keepAliveSeconds: Number(await text("keep_alive_interval")) || DEFAULT_KEEP_ALIVE_SECONDS,
    qos: parseQos(await text("qos"), id),
    handle: findHandler(init.guests.guest(component), {
      trigger: "mqtt",
      source: topic,
      handlers: [{ pattern: /^handle-message$/ }],
    }),
  };
}

async function renderSetting(
  { globals, render }: TriggerInit,
  { config, key }: { config: JsonObject; key: string },
): Promise<string> {
  const value = config[key] ?? globals[key] ?? "";
  return await render(String(value));
}

/** Like the original, 1 if it is not given. */
function parseQos(text: string, trigger: string): 0 | 1 | 2 {
  if (text === "") return 1;
  if (/^[012]$/.test(text)) return Number(text) as 0 | 1 | 2;
  throw new TerminalError(
    "InvalidTrigger",
    `mqtt trigger "${trigger}": qos ${JSON.stringify(text)} is invalid; use "0", "1" or "2"`,
  );
}
