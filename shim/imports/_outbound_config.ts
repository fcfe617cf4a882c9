/**
 * The tables `[outbound_…]` of the runtime configuration: what all components together may do.
 *
 * @module
 */

import type { TomlTable, TomlValue } from "../loader/toml_document.ts";
import type { ConfigReader } from "./_config_reader.ts";
import { createBlockedNetworks } from "./ip_networks.ts";

/** Limits of outbound connections. Each isolate counts its own; 0 admits none, undefined has no limit. */
export interface OutboundNetworkingConfig {
  /** CIDRs, and `private` for every address that is not global. */
  readonly blockNetworks: readonly string[];
  readonly maxSocketConnections?: number;
  readonly maxTotalConnections?: number;
}

/** Settings of outbound HTTP. */
export interface OutboundHttpConfig {
  /** Whether connections are kept for the next request. */
  readonly connectionPooling: boolean;
  /** Connections at once, in each isolate; 0 admits none, undefined has no limit. */
  readonly maxConnections?: number;
}

/** Settings of outbound Redis. */
export interface OutboundRedisConfig {
  /** Connections at once, in each isolate; 0 admits none, undefined has no limit. */
  readonly maxConnections?: number;
}

/** Settings of outbound MQTT. */
export interface OutboundMqttConfig {
  /** Connections at once, in each isolate; 0 admits none, undefined has no limit. */
  readonly maxConnections?: number;
  /** Bytes of one message; undefined: as many as the protocol allows. */
  readonly maxPayloadSizeBytes?: number;
}

/** Settings of outbound PostgreSQL or MySQL. */
export interface OutboundSqlConfig {
  /** Connections at once, in each isolate; 0 admits none, undefined has no limit. */
  readonly maxConnections?: number;
}

/** All of them. */
export interface OutboundConfig {
  readonly outboundNetworking: OutboundNetworkingConfig;
  readonly outboundHttp: OutboundHttpConfig;
  readonly outboundRedis?: OutboundRedisConfig;
  readonly outboundMqtt?: OutboundMqttConfig;
  readonly outboundPg?: OutboundSqlConfig;
  readonly outboundMysql?: OutboundSqlConfig;
}

/** Reads all tables; problems go to `reader`. */
export function readOutbound(reader: ConfigReader, root: TomlTable): OutboundConfig {
  return {
    outboundNetworking: readOutboundNetworking(reader, root),
    outboundHttp: readOutboundHttp(reader, root),
    ...readOutboundRedis(reader, root),
    ...readOutboundMqtt(reader, root),
    ...readOutboundSql(reader, root),
  };
}

function readOutboundNetworking(
  reader: ConfigReader,
  root: TomlTable,
): OutboundNetworkingConfig {
  const path = ["outbound_networking"];
  if (root.outbound_networking === undefined) return { blockNetworks: [] };
  const table = reader.table(path, root.outbound_networking);
  if (!table) return { blockNetworks: [] };
  reader.unknownKeys(path, table, [
    "block_networks",
    "max_socket_connections",
    "max_total_connections",
  ]);
  const at = [...path, "block_networks"];
  const blockNetworks = reader.array(at, table.block_networks).filter((network, i) => {
    const problem = networkProblem(network);
    if (problem) reader.problem([...at, i], problem);
    return !problem;
  }) as string[];
  const maxSocketConnections = reader.integer(path, table, "max_socket_connections", 0);
  const maxTotalConnections = reader.integer(path, table, "max_total_connections", 0);
  return {
    blockNetworks,
    ...(maxSocketConnections === undefined ? {} : { maxSocketConnections }),
    ...(maxTotalConnections === undefined ? {} : { maxTotalConnections }),
  };
}

function networkProblem(network: TomlValue): string | undefined {
  if (typeof network !== "string") return "block_networks must be a list of strings";
  try {
    createBlockedNetworks([network]);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

function readOutboundHttp(
  reader: ConfigReader,
  root: TomlTable,
): OutboundHttpConfig {
  const path = ["outbound_http"];
  const defaults = { connectionPooling: true };
  if (root.outbound_http === undefined) return defaults;
  const table = reader.table(path, root.outbound_http);
  if (!table) return defaults;
  reader.unknownKeys(path, table, [
    "connection_pooling",
    "max_connections",
    "max_concurrent_requests",
  ]);
  const connections = reader.integer(path, table, "max_connections", 0);
  const requests = reader.integer(path, table, "max_concurrent_requests", 0);
  if (table.max_connections !== undefined && table.max_concurrent_requests !== undefined) {
    reader.problem(
      [...path, "max_concurrent_requests"],
      'give either "max_connections" or the deprecated "max_concurrent_requests", not both',
    );
  }
  // Spin has always counted the deprecated key from one less.
  const maxConnections = connections ?? (requests === undefined ? undefined : requests + 1);
  return {
    connectionPooling: reader.boolean(path, table, "connection_pooling") ?? true,
    ...(maxConnections === undefined ? {} : { maxConnections }),
  };
}

function readOutboundRedis(
  reader: ConfigReader,
  root: TomlTable,
): { outboundRedis?: OutboundRedisConfig } {
  const path = ["outbound_redis"];
  if (root.outbound_redis === undefined) return {};
  const table = reader.table(path, root.outbound_redis);
  if (!table) return {};
  reader.unknownKeys(path, table, ["max_connections"]);
  const maxConnections = reader.integer(path, table, "max_connections", 0);
  return { outboundRedis: maxConnections === undefined ? {} : { maxConnections } };
}

function readOutboundMqtt(
  reader: ConfigReader,
  root: TomlTable,
): { outboundMqtt?: OutboundMqttConfig } {
  const path = ["outbound_mqtt"];
  if (root.outbound_mqtt === undefined) return {};
  const table = reader.table(path, root.outbound_mqtt);
  if (!table) return {};
  reader.unknownKeys(path, table, ["max_connections", "max_payload_size_bytes"]);
  const maxConnections = reader.integer(path, table, "max_connections", 0);
  const maxPayloadSizeBytes = reader.integer(path, table, "max_payload_size_bytes", 0);
  return {
    outboundMqtt: {
      ...(maxConnections === undefined ? {} : { maxConnections }),
      ...(maxPayloadSizeBytes === undefined ? {} : { maxPayloadSizeBytes }),
    },
  };
}

function readOutboundSql(
  reader: ConfigReader,
  root: TomlTable,
): { outboundPg?: OutboundSqlConfig; outboundMysql?: OutboundSqlConfig } {
  const outboundPg = readSqlLimits("outbound_pg", { reader, root });
  const outboundMysql = readSqlLimits("outbound_mysql", { reader, root });
  return { ...(outboundPg ? { outboundPg } : {}), ...(outboundMysql ? { outboundMysql } : {}) };
}

function readSqlLimits(
  key: "outbound_pg" | "outbound_mysql",
  { reader, root }: { reader: ConfigReader; root: TomlTable },
): OutboundSqlConfig | undefined {
  const table = root[key] === undefined ? undefined : reader.table([key], root[key]);
  if (!table) return undefined;
  reader.unknownKeys([key], table, ["max_connections"]);
  const maxConnections = reader.integer([key], table, "max_connections", 0);
  return maxConnections === undefined ? {} : { maxConnections };
}
