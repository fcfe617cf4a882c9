/**
 * Subscriptions to topics of an MQTT broker, for the MQTT trigger.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { type MqttAddress, parseMqttAddress } from "./_mqtt_address.ts";

/** Milliseconds for the lookup, the connection and the login together. */
const CONNECT_MS = 10_000;

/** A subscription. Whoever made it closes it. */
export interface MqttSubscription {
  /** Resolves with the reason when the connection has ended. */
  readonly closed: Promise<string>;
  close(): void;
}

/** What to subscribe to, and who gets it. */
export interface SubscribeMqttOptions {
  readonly address: string;
  /** No other connection to the broker may use it. */
  readonly clientId: string;
  readonly username: string;
  readonly password: string;
  readonly keepAliveSeconds: number;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  /** A message is confirmed, and the next one taken, when this resolves. Never rejects. */
  readonly onMessage: (topic: string, payload: Uint8Array) => Promise<void>;
}

/**
 * The broker of an address, without what is secret in it: `mqtt://127.0.0.1:1883`.
 * @throws {TerminalError} if it is no address of a broker.
 */
export function mqttBrokerName(address: string): string {
  const { host, port, isTls } = parse(address);
  const name = host.includes(":") ? `[${host}]` : host;
  return `${isTls ? "mqtts" : "mqtt"}://${name}:${port}`;
}

/**
 * Subscribes to a topic.
 * @throws {TerminalError} by rejection, if the broker does not let us in: trying again is useless.
 * @throws {Error} by rejection, if it cannot be reached. Messages never hold the password.
 */
export async function subscribeMqtt(options: SubscribeMqttOptions): Promise<MqttSubscription> {
  const { connectMqtt } = await import("./_mqtt_socket.ts");
  const address = { ...parse(options.address), clientId: options.clientId };
  const socket = await connectMqtt(address, {
    username: options.username,
    password: options.password,
    keepAliveSeconds: options.keepAliveSeconds,
    isBlocked: () => false,
    timeoutMs: CONNECT_MS,
  }).catch((error: Error) => {
    if (!/not authorized|bad user name or password/i.test(error.message)) throw error;
    throw new TerminalError("LoginRefused", error.message, { cause: error });
  });
  const closed = new Promise<string>((resolve) => {
    socket.onClosed(() => resolve("the broker closed the connection"));
  });
  await socket.subscribe(options);
  return { closed, close: () => socket.close() };
}

/** The client id that outbound addresses have to name may be left out here. */
function parse(address: string): MqttAddress {
  const url = URL.parse(address);
  if (url && !url.searchParams.has("client_id")) url.searchParams.set("client_id", "spinkube");
  const parsed = parseMqttAddress(url?.href ?? address);
  if (parsed) return parsed;
  throw new TerminalError(
    "InvalidAddress",
    `${JSON.stringify(address.replace(/\/\/[^@/]*@/, "//…@"))} is no address of an MQTT broker; ` +
      "write mqtt://host[:port]",
  );
}

/**
 * A client id for a subscription: stable as long as the process runs, and another one than the
 * components use that publish to the same address.
 */
export function subscriptionClientId(address: string): string {
  const given = URL.parse(address)?.searchParams.get("client_id") ?? "spinkube";
  return `${given}-trigger-${crypto.randomUUID().slice(0, 8)}`;
}
