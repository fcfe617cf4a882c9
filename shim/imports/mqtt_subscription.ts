/**
 * Subscriptions to topics of an MQTT broker, for the MQTT trigger.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { nodeCrypto } from "../../lib/node_builtins.ts";
import type { MqttInbox } from "./_mqtt_socket.ts";
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
  readonly username: string;
  readonly password: string;
  readonly keepAliveSeconds: number;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  /** A message is confirmed, and the next one taken, when this resolves. Never rejects. */
  readonly onMessage: (topic: string, payload: Uint8Array) => Promise<void>;
}

/** Makes the connection, and makes it again after it has ended. */
export type ConnectSubscription = () => Promise<MqttSubscription>;

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
 * Prepares a subscription to a topic. With `clean_session=false` in the address, the broker keeps the
 * messages that come while there is no connection, also when the program is started anew.
 * @returns Connects, each time as the same client.
 * @throws {TerminalError} by rejection, if the broker does not let us in: trying again is useless.
 * @throws {Error} by rejection, if it cannot be reached. Messages never hold the password.
 */
export function createMqttSubscription(options: SubscribeMqttOptions): ConnectSubscription {
  const address = parse(options.address);
  const client = { ...address, clientId: clientIdOf(address, options.topic) };
  let inbox: MqttInbox | undefined;
  return async () => {
    const { connectMqtt, MqttInbox } = await import("./_mqtt_socket.ts");
    inbox ??= new MqttInbox(options.onMessage);
    const socket = await connectMqtt(client, {
      username: options.username,
      password: options.password,
      keepAliveSeconds: options.keepAliveSeconds,
      isBlocked: () => false,
      timeoutMs: CONNECT_MS,
      inbox,
    }).catch((error: Error) => {
      if (!/not authorized|bad user name or password/i.test(error.message)) throw error;
      throw new TerminalError("LoginRefused", error.message, { cause: error });
    });
    const closed = new Promise<string>((resolve) => {
      socket.onClosed(() => resolve("the broker closed the connection"));
    });
    await socket.subscribe(options);
    return { closed, close: () => socket.close() };
  };
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
 * Another id than the components use that publish to the same address. It is one of this process
 * alone, so that replicas do not throw each other out, unless the broker is to know the client again.
 */
function clientIdOf({ clientId, isCleanSession }: MqttAddress, topic: string): string {
  const own = isCleanSession
    ? crypto.randomUUID()
    : nodeCrypto().createHash("sha256").update(topic).digest("hex");
  return `${clientId}-trigger-${own.slice(0, 8)}`;
}
