/**
 * `fermyon:spin/mqtt@2.0.0` and `spin:mqtt@3.0.0`, which is asynchronous and the same otherwise.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import type { ComponentContext, ImportObject } from "./component_context.ts";
import { TooManyConnectionsError } from "./connection_limits.ts";
import { parseMqttAddress } from "./_mqtt_address.ts";
import type { MqttQos } from "./_mqtt_socket.ts";
import type { MqttConnections, MqttLogin } from "./mqtt_connections.ts";

/** What {@link createSpinMqtt} needs besides the component. */
export interface SpinMqttOptions {
  /** The connections of the isolate, which the caller closes. */
  readonly connections: MqttConnections;
  /** Most bytes of one message; undefined: as many as the protocol allows. */
  readonly maxPayloadBytes?: number | undefined;
}

/** The variant `error`. */
type MqttError =
  | { readonly tag: "invalid-address" | "too-many-connections" }
  | { readonly tag: "connection-failed" | "other"; readonly val: string };

/** The enum `qos`. */
const QOS: Readonly<Record<string, MqttQos>> = {
  "at-most-once": 0,
  "at-least-once": 1,
  "exactly-once": 2,
};

/** Shorter intervals are refused, as by Spin's client. 0 is none at all. */
const MIN_KEEP_ALIVE_SECONDS = 5n;

/** The largest interval that the protocol can express. */
const MAX_KEEP_ALIVE_SECONDS = 65_535n;

const MAX_TOPIC_BYTES = 65_535;

/** The largest packet of the protocol, without the longest topic and its framing. */
const MAX_PAYLOAD_BYTES = 268_435_455 - MAX_TOPIC_BYTES - 4;

/** The MQTT interface of one component. */
export function createSpinMqtt(
  component: ComponentContext,
  options: SpinMqttOptions,
): ImportObject {
  const { connections } = options;
  const maxPayloadBytes = Math.min(options.maxPayloadBytes ?? Infinity, MAX_PAYLOAD_BYTES);

  /** Connecting is left to the first message, as in the original. */
  class Connection {
    readonly #login: MqttLogin;

    private constructor(login: MqttLogin) {
      this.#login = login;
    }

    static async open(
      address: string,
      username: string,
      password: string,
      keepAliveSeconds: bigint,
    ): Promise<Connection> {
      const { outbound } = component;
      const notPermitted = connectionFailed(`address ${address} is not permitted`);
      if (!await outbound.check(address, "mqtt")) throw notPermitted;
      const parsed = parseMqttAddress(address);
      if (!parsed) throw { tag: "invalid-address" } satisfies MqttError;
      // The check takes everything before an `@` for a password, even in the query, so it may have
      // seen another host than the one that would be connected to.
      if (!await outbound.check(parsed.origin, "mqtt")) throw notPermitted;
      const credentials = username === "" ? parsed : { username, password };
      return new Connection({
        address: parsed,
        username: credentials.username,
        password: credentials.password,
        keepAliveSeconds: toKeepAlive(keepAliveSeconds),
        owner: component.id,
      });
    }

    async publish(topic: string, payload: Uint8Array, qos: string): Promise<void> {
      checkTopic(topic);
      if (payload.length > maxPayloadBytes) {
        throw other(
          `payload size ${payload.length} exceeds the maximum allowed size of ` +
            `${maxPayloadBytes} bytes`,
        );
      }
      // A copy: the argument is a view of guest memory, and the message waits for its connection.
      const message = { topic, payload: payload.slice(), qos: QOS[qos]! };
      try {
        await connections.publish(this.#login, { message, outbound: component.outbound });
      } catch (error) {
        throw error instanceof TooManyConnectionsError
          ? { tag: "too-many-connections" } satisfies MqttError
          : connectionFailed(errorText(error));
      }
    }
  }

  return { "fermyon:spin/mqtt@2.0.0": { Connection }, "spin:mqtt/mqtt@3.0.0": { Connection } };
}

function connectionFailed(val: string): MqttError {
  return { tag: "connection-failed", val };
}

function other(val: string): MqttError {
  return { tag: "other", val };
}

/** @throws {MqttError} `other`. */
function toKeepAlive(seconds: bigint): number {
  if (seconds !== 0n && seconds < MIN_KEEP_ALIVE_SECONDS) {
    throw other(
      `keep-alive interval of ${seconds} s is too short; ` +
        `it must be at least ${MIN_KEEP_ALIVE_SECONDS} s`,
    );
  }
  return Number(seconds > MAX_KEEP_ALIVE_SECONDS ? MAX_KEEP_ALIVE_SECONDS : seconds);
}

/** A broker would answer such a topic by closing the connection. @throws {MqttError} `other`. */
function checkTopic(topic: string): void {
  const isValid = topic !== "" && !/[+#\0]/.test(topic) &&
    new TextEncoder().encode(topic).length <= MAX_TOPIC_BYTES;
  if (!isValid) throw other(`invalid topic "${topic.slice(0, 100)}"`);
}
