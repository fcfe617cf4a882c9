/**
 * Subscriptions to channels of a Redis server, for the Redis trigger.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { parseRedisAddress, type RedisAddress } from "./_redis_address.ts";
import { connectRedis } from "./_redis_socket.ts";
import type { RespValue } from "./_resp.ts";

/** Milliseconds for the lookup, the connection and the login together. */
const CONNECT_MS = 10_000;
/** Answers to a wrong user or password. */
const REFUSED = /\b(?:WRONGPASS|NOAUTH|NOPERM)\b|invalid password/;
/** Redis itself allows no larger values. */
const MAX_MESSAGE_BYTES = 512 << 20;

/** A subscription. Whoever made it closes it. */
export interface RedisSubscription {
  /** Resolves with the reason when the connection has ended. */
  readonly closed: Promise<string>;
  close(): void;
}

/**
 * The server of an address, without what is secret in it: `redis://127.0.0.1:6379`.
 * @throws {TerminalError} if it is no address of a Redis server.
 */
export function redisServerName(address: string): string {
  const { host, port, isTls } = parse(address);
  const name = host.includes(":") ? `[${host}]` : host;
  return `${isTls ? "rediss" : "redis"}://${name}:${port}`;
}

/**
 * Subscribes to channels.
 * @param options.onMessage Gets the messages in their order; `payload` may be kept.
 * @throws {TerminalError} by rejection, if the server does not let us in: trying again is useless.
 * @throws {Error} by rejection, if it cannot be reached. Messages never hold the password.
 */
export async function subscribeRedis(
  address: string,
  options: {
    channels: readonly string[];
    onMessage: (channel: string, payload: Uint8Array) => void;
  },
): Promise<RedisSubscription> {
  const socket = await connectRedis(parse(address), {
    isBlocked: () => false,
    timeoutMs: CONNECT_MS,
    maxReplyBytes: MAX_MESSAGE_BYTES,
  }).catch((error: Error) => {
    if (!REFUSED.test(error.message)) throw error;
    throw new TerminalError("LoginRefused", error.message, { cause: error });
  });
  const confirmed = Promise.withResolvers<void>();
  const closed = new Promise<string>((resolve) => {
    socket.listen(["SUBSCRIBE", ...options.channels], {
      onReply(reply) {
        if (reply.kind === "error") {
          const reason = `${reply.code}: ${reply.message}`;
          confirmed.reject(new Error(reason));
          resolve(reason);
          socket.close();
        } else confirmed.resolve();
        const message = messageOf(reply);
        if (message) options.onMessage(message.channel, message.payload);
      },
      onClosed(error) {
        confirmed.reject(error);
        resolve(error.message);
      },
    });
  });
  // What accepts connections may be anything; it is a server when it has answered.
  const late = setTimeout(() => socket.close(), CONNECT_MS);
  try {
    await confirmed.promise;
  } finally {
    clearTimeout(late);
  }
  return { closed, close: () => socket.close() };
}

function parse(address: string): RedisAddress {
  const parsed = parseRedisAddress(address);
  if (parsed) return parsed;
  throw new TerminalError(
    "InvalidAddress",
    `${JSON.stringify(hideSecrets(address))} is no address of a Redis server; write ` +
      "redis://[user:password@]host[:port][/database]",
  );
}

function hideSecrets(address: string): string {
  return address.replace(/\/\/[^@/]*@/, "//…@");
}

/** `["message", channel, payload]`; confirmations of subscriptions are not looked at. */
function messageOf(reply: RespValue): { channel: string; payload: Uint8Array } | undefined {
  if (reply.kind !== "list") return undefined;
  const [kind, channel, payload] = reply.items;
  if (kind?.kind !== "bytes" || channel?.kind !== "bytes" || payload?.kind !== "bytes") {
    return undefined;
  }
  const decoder = new TextDecoder();
  if (decoder.decode(kind.bytes) !== "message") return undefined;
  return { channel: decoder.decode(channel.bytes), payload: payload.bytes };
}
