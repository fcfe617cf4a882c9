/**
 * The interfaces the host offers, by package. What nearly every component imports is always there;
 * the rest is loaded when a component imports it, so that an app pays for nothing it does not use.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import type { ComponentContext, ImportObject } from "../imports/component_context.ts";
import type { RuntimeConfig } from "../imports/runtime_config.ts";
import { createWasiCli } from "../imports/wasi_cli.ts";
import { createWasiClocks } from "../imports/wasi_clocks.ts";
import { createWasiFilesystem } from "../imports/wasi_filesystem.ts";
import { createWasiHttp } from "../imports/wasi_http.ts";
import { createWasiIo } from "../imports/wasi_io.ts";
import { createWasiRandom } from "../imports/wasi_random.ts";

/** Makes the interfaces of one family for a component, which imports `wanted`. */
type Create = (component: ComponentContext, wanted: readonly string[]) => ImportObject;

/** What the families of one isolate share. */
interface Isolate {
  readonly config: RuntimeConfig;
  /** Whether `wasi:otel` may be imported. */
  readonly offersOtel: boolean;
  /** Called when the isolate ends. */
  onClose(close: () => void): void;
}

/** Beginning of an interface's name → how its family is loaded. */
const FAMILIES: Readonly<Record<string, (isolate: Isolate) => Promise<Create>>> = {
  "wasi:config/": async () => (await import("../imports/wasi_config.ts")).createWasiConfig,
  "wasi:keyvalue/": async () => (await import("../imports/wasi_keyvalue.ts")).createWasiKeyvalue,
  "wasi:otel/": loadOtel,
  "wasi:sockets/": async () => (await import("../imports/wasi_sockets.ts")).createWasiSockets,
  "fermyon:spin/config": loadVariables,
  "fermyon:spin/variables": loadVariables,
  "spin:variables/": loadVariables,
  "fermyon:spin/http": async () => (await import("../imports/spin_http.ts")).createSpinHttp,
  "fermyon:spin/key-value": loadKeyValue,
  "spin:key-value/": loadKeyValue,
  "fermyon:spin/llm": loadLlm,
  "fermyon:spin/mqtt": loadMqtt,
  "spin:mqtt/": loadMqtt,
  "fermyon:spin/mysql": loadMysql,
  "spin:mysql/": loadMysql,
  "fermyon:spin/postgres": loadPostgres,
  "spin:postgres/": loadPostgres,
  "fermyon:spin/redis": loadRedis,
  "spin:redis/": loadRedis,
  "fermyon:spin/sqlite": loadSqlite,
  "spin:sqlite/": loadSqlite,
  // What dependencies have not inherited: `DENIED_PREFIX`.
  "denied-": loadDenied,
};

async function loadOtel({ offersOtel }: Isolate): Promise<Create> {
  const { createWasiOtel } = await import("../imports/wasi_otel.ts");
  return (component, wanted) => {
    if (offersOtel) return createWasiOtel(component);
    const names = wanted.filter((name) => name.startsWith("wasi:otel/"));
    throw new TerminalError(
      "ExperimentalImport",
      `Component "${component.id}" imports ${names.join(", ")}, which is experimental; allow it ` +
        "with --experimental-wasi-otel",
    );
  };
}

async function loadVariables(): Promise<Create> {
  return (await import("../imports/spin_variables.ts")).createSpinVariables;
}

async function loadKeyValue(): Promise<Create> {
  return (await import("../imports/spin_key_value.ts")).createSpinKeyValue;
}

async function loadDenied(): Promise<Create> {
  const { createDenied } = await import("../imports/denied.ts");
  return (_component, wanted) => createDenied(wanted);
}

async function loadSqlite(): Promise<Create> {
  return (await import("../imports/spin_sqlite.ts")).createSpinSqlite;
}

async function loadLlm({ config }: Isolate): Promise<Create> {
  const { createSpinLlm } = await import("../imports/spin_llm.ts");
  const { createRemoteLlm } = await import("../imports/llm_remote_http.ts");
  const backend = config.llmCompute && createRemoteLlm(config.llmCompute);
  return (component) => createSpinLlm(component, backend);
}

async function loadMqtt({ config, onClose }: Isolate): Promise<Create> {
  const { createSpinMqtt } = await import("../imports/spin_mqtt.ts");
  const { MqttConnections } = await import("../imports/mqtt_connections.ts");
  const connections = new MqttConnections();
  onClose(() => connections.close());
  const maxPayloadBytes = config.outboundMqtt?.maxPayloadSizeBytes;
  return (component) => createSpinMqtt(component, { connections, maxPayloadBytes });
}

async function loadMysql({ onClose }: Isolate): Promise<Create> {
  const { createSpinMysql } = await import("../imports/spin_mysql.ts");
  const { SqlConnections } = await import("../imports/sql_connections.ts");
  const connections: Parameters<typeof createSpinMysql>[1] = new SqlConnections("mysql");
  onClose(() => connections.close());
  return (component) => createSpinMysql(component, connections);
}

async function loadPostgres({ onClose }: Isolate): Promise<Create> {
  const { createSpinPostgres } = await import("../imports/spin_postgres.ts");
  const { SqlConnections } = await import("../imports/sql_connections.ts");
  const connections: Parameters<typeof createSpinPostgres>[1] = new SqlConnections("postgres");
  onClose(() => connections.close());
  return (component) => createSpinPostgres(component, connections);
}

async function loadRedis({ onClose }: Isolate): Promise<Create> {
  const { createSpinRedis } = await import("../imports/spin_redis.ts");
  const { RedisConnections } = await import("../imports/redis_connections.ts");
  const connections = new RedisConnections();
  onClose(() => connections.close());
  return (component) => createSpinRedis(component, connections);
}

/** An interface of WASI 0.3, in any version of it. */
const WASI_03 = /^wasi:[^@]+@0\.3\./;

/** An interface of one of the snapshots before WASI 0.2.0. */
const WASI_RC = /^wasi:[^@]+@0\.2\.0-rc-2023-(?:10-18|11-10)$/;

/** The interfaces of one isolate. The owner closes it, after the last request. */
export class HostInterfaces {
  readonly #isolate: Isolate;
  /** One entry for each loader: families under several names are loaded once. */
  readonly #families = new Map<(isolate: Isolate) => Promise<Create>, Promise<Create>>();
  readonly #close: (() => void)[] = [];

  constructor(config: RuntimeConfig, { offersOtel }: { offersOtel: boolean }) {
    this.#isolate = { config, offersOtel, onClose: (close) => this.#close.push(close) };
  }

  /**
   * What the host offers to a component.
   * @param wanted The interfaces it imports, with their versions.
   */
  async offer(component: ComponentContext, wanted: readonly string[]): Promise<ImportObject> {
    const offered: ImportObject = {
      ...createWasiCli(component),
      ...createWasiClocks(component),
      ...createWasiFilesystem(component),
      ...createWasiHttp(component),
      ...createWasiIo(),
      ...createWasiRandom(component),
    };
    if (wanted.some((name) => WASI_03.test(name))) {
      const { createWasi03 } = await import("../imports/wasi03/mod.ts");
      Object.assign(offered, await createWasi03(component, wanted));
    }
    if (wanted.some((name) => WASI_RC.test(name))) {
      const { createWasiRc } = await import("../imports/wasi_rc/mod.ts");
      Object.assign(offered, await createWasiRc(component, wanted));
    }
    const loaders = Object.entries(FAMILIES)
      .filter(([prefix]) => wanted.some((name) => name.startsWith(prefix)))
      .map(([, load]) => load);
    for (const load of new Set(loaders)) {
      Object.assign(offered, (await this.#family(load))(component, wanted));
    }
    return offered;
  }

  /** Closes the connections of all families. */
  close(): void {
    for (const close of this.#close) close();
  }

  #family(load: (isolate: Isolate) => Promise<Create>): Promise<Create> {
    const loading = this.#families.get(load) ?? load(this.#isolate);
    this.#families.set(load, loading);
    return loading;
  }
}
