/**
 * The Redis trigger: components get the messages of channels. Matches spin:crates/trigger-redis, but
 * a lost connection is made again.
 *
 * @module
 */

import { TerminalError } from "../../../lib/errors.ts";
import { redisServerName, subscribeRedis } from "../../imports/redis_subscription.ts";
import type { RunningTrigger, TriggerInit } from "../trigger.ts";
import { firstFailure, keepConnected } from "./backoff.ts";
import { type CallHandler, findHandler, type HandlerExport, handlerFailure } from "./handler.ts";
import { MessageCalls } from "./message_calls.ts";

const HANDLERS: readonly HandlerExport[] = [
  { pattern: /^fermyon:spin\/inbound-redis$/, member: "handleMessage" },
  { pattern: /^spin:redis\/inbound-redis@3\.\d+\.\d+$/, member: "handleMessage" },
];

interface Subscriber {
  readonly component: string;
  readonly handle: CallHandler;
}

/** Server's address → channel → the components that get its messages. */
type Subscriptions = Map<string, Map<string, Subscriber[]>>;

/** Starts the Redis triggers of an app. A server that is not there yet is waited for. */
export async function startRedisTrigger(init: TriggerInit): Promise<RunningTrigger> {
  const { report } = init;
  const subscriptions = await readTriggers(init);
  const calls = new MessageCalls({ what: "redis trigger", report });
  const stop = new AbortController();
  const connections = [...subscriptions].map(([address, channels]) => {
    announceChannels(init, { address, channels });
    return keepConnected({
      what: `Redis server ${redisServerName(address)}`,
      report,
      signal: stop.signal,
      connect: () =>
        subscribeRedis(address, {
          channels: [...channels.keys()],
          onMessage(channel, payload) {
            for (const subscriber of channels.get(channel) ?? []) {
              calls.add(() => deliver(subscriber, { channel, payload, report }));
            }
          },
        }),
    });
  });
  return {
    ended: firstFailure(connections),
    async stop(graceMs) {
      stop.abort();
      await Promise.all([calls.stop(graceMs), Promise.allSettled(connections)]);
    },
  };
}

async function deliver(
  { component, handle }: Subscriber,
  { channel, payload, report }: {
    channel: string;
    payload: Uint8Array;
    report: (lines: string[]) => void;
  },
): Promise<void> {
  try {
    await handle(payload);
  } catch (error) {
    report([
      `Error handling a message of channel "${channel}": component "${component}": ${
        handlerFailure(error)
      }`,
    ]);
  }
}

async function readTriggers(init: TriggerInit): Promise<Subscriptions> {
  const subscriptions: Subscriptions = new Map();
  for (const { id, trigger_config: config } of init.triggers) {
    const address = config.address ?? init.globals.address;
    if (typeof address !== "string") {
      throw new TerminalError(
        "InvalidTrigger",
        `redis trigger "${id}" has no address; set it there, or in [application.trigger.redis]`,
      );
    }
    const component = String(config.component);
    const [server, channel] = [
      await init.render(address),
      await init.render(String(config.channel)),
    ];
    redisServerName(server); // says what is wrong with an address before anything runs
    const channels = subscriptions.get(server) ?? new Map<string, Subscriber[]>();
    const handle = findHandler(init.guests.guest(component), {
      trigger: "redis",
      handlers: HANDLERS,
      source: channel,
    });
    channels.set(channel, [...channels.get(channel) ?? [], { component, handle }]);
    subscriptions.set(server, channels);
  }
  return subscriptions;
}

function announceChannels(
  { announce }: TriggerInit,
  { address, channels }: { address: string; channels: ReadonlyMap<string, Subscriber[]> },
): void {
  const server = redisServerName(address);
  announce([
    `Active Channels on ${server}:`,
    ...[...channels].map(([channel, subscribers]) =>
      `\t${server}/${channel}: [${subscribers.map(({ component }) => component).join(", ")}]`
    ),
  ]);
}
