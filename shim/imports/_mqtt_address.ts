/**
 * Addresses of MQTT brokers: `mqtt[s]://[username[:password]@]host[:port]?client_id=…`, with the
 * other parameters that Spin's client takes.
 *
 * @module
 */

/** A parsed address. */
export interface MqttAddress {
  /** `scheme://host[:port]` of what is connected to. */
  readonly origin: string;
  /** Name or literal address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly clientId: string;
  /** Whether the broker forgets what it knows of the client. */
  readonly isCleanSession: boolean;
  readonly username: string;
  readonly password: string;
}

const TCP_PORT = 1883;
const TLS_PORT = 8883;

/** The schemes and whether they mean TLS. `mqtt` and `mqtts` have the other two as aliases. */
const SCHEMES: ReadonlyMap<string, boolean> = new Map([
  ["mqtt:", false],
  ["tcp:", false],
  ["mqtts:", true],
  ["ssl:", true],
]);

/** Numbers that tune Spin's client and have nothing to tune here. */
const IGNORED_NUMBERS: ReadonlySet<string> = new Set([
  "keep_alive_secs",
  "max_incoming_packet_size_bytes",
  "max_outgoing_packet_size_bytes",
  "request_channel_capacity_num",
  "max_request_batch_num",
  "pending_throttle_usecs",
  "inflight_num",
]);

/**
 * Parses an address; undefined if it is none. As in the original the parameter `client_id` is
 * required, and one that is not known makes the address invalid.
 */
export function parseMqttAddress(text: string): MqttAddress | undefined {
  const url = URL.parse(text);
  const isTls = url && SCHEMES.get(url.protocol);
  if (!url || isTls === undefined || isTls === null) return undefined;
  const host = decode(url.hostname.replace(/^\[|\]$/g, ""));
  const username = decode(url.username);
  const password = decode(url.password);
  const parameters = readParameters(url.searchParams);
  if (!host || username === undefined || password === undefined || !parameters) return undefined;
  const origin = `${url.protocol}//${url.host}`;
  const port = url.port === "" ? (isTls ? TLS_PORT : TCP_PORT) : Number(url.port);
  return { origin, host, port, isTls, username, password, ...parameters };
}

function readParameters(
  parameters: URLSearchParams,
): Pick<MqttAddress, "clientId" | "isCleanSession"> | undefined {
  let clientId = "";
  let isCleanSession = true;
  for (const [name, value] of parameters) {
    if (name === "client_id") clientId = value;
    else if (name === "clean_session" && /^(?:true|false)$/.test(value)) {
      isCleanSession = value === "true";
    } else if (!IGNORED_NUMBERS.has(name) || !/^\d{1,15}$/.test(value)) return undefined;
  }
  return clientId === "" ? undefined : { clientId, isCleanSession };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // A `%` without two digits: the address is none.
    return undefined;
  }
}
