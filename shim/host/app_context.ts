/**
 * Puts together what the host interfaces of an app need, once for each isolate.
 *
 * @module
 */

import { fromFileUrl } from "../../lib/file_url.ts";
import { TerminalError } from "../../lib/errors.ts";
import { resolve } from "../../lib/path.ts";
import { componentLabels } from "../imports/labels.ts";
import type { ClientTlsLookup } from "../imports/client_tls.ts";
import type {
  ClientTls,
  ComponentContext,
  ImportObject,
  InternalRequests,
  Mount,
  OutboundPolicy,
} from "../imports/component_context.ts";
import { createConnectionLimits } from "../imports/connection_limits.ts";
import { createBlockedNetworks } from "../imports/ip_networks.ts";
import { createKeyValueStore, type FullKeyValueStore } from "../imports/key_value_stores.ts";
import { createOutboundPolicy } from "../imports/outbound_policy.ts";
import { checkStores } from "../imports/runtime_config_defaults.ts";
import { createSqliteDatabase } from "../imports/sqlite_databases.ts";
import { createVariableResolver, type VariableResolver } from "../imports/variable_resolver.ts";
import { convertAllowedHttpHost } from "../loader/allowed_http_hosts.ts";
import type { LockedApp, LockedComponent } from "../loader/locked_app.ts";
import {
  checkFollow,
  type ComponentLogs,
  type ComponentSinks,
  createComponentLogs,
  type OutputListener,
} from "./component_logs.ts";
import { HostInterfaces } from "./host_interfaces.ts";
import type { HostOptions } from "./host_options.ts";
import type { HostTelemetry } from "./host_telemetry.ts";

/** What the edge of the program provides. */
export interface AppContextEdge {
  readonly internal: InternalRequests;
  /** The process environment. */
  readonly environment: (name: string) => string | undefined;
  /** Writes lines for the user. */
  readonly report: (lines: string[]) => void;
  /** Absent if nothing is recorded. */
  readonly telemetry?: HostTelemetry | undefined;
  /** Gets what components write, beside the logs. */
  readonly onOutput?: OutputListener | undefined;
}

/** The interfaces of one app in one isolate. */
export interface AppContext {
  /**
   * The context of the component called `id`; the same one each time.
   * @throws {TerminalError} if the component cannot be served as it is locked.
   */
  component(id: string): ComponentContext;
  /**
   * The interfaces the host offers to the component called `id`.
   * @param wanted Those it imports, with their versions; others may be left out.
   */
  componentImports(id: string, wanted: readonly string[]): Promise<ImportObject>;
  /** Has calls of further interfaces recorded, if calls are. */
  record(
    offered: ImportObject,
    options: { component: string; wanted: readonly string[] },
  ): Promise<ImportObject>;
  /** Renders a template over the app's variables. @throws {Error} by rejection. */
  render(template: string): Promise<string>;
  /** Writes what is left of the logs, and closes stores and files. Call it after the last request. */
  close(): Promise<void>;
}

/** Milliseconds that {@link AppContext.close} waits for a log that nobody reads. */
const FLUSH_MS = 2_000;

/**
 * Creates the context of an app. Stores are opened when a guest first uses them.
 * @throws {TerminalError} if the app names stores that are not configured, requires variables that
 * nothing provides, or `--follow` names components that do not exist: all of it at once.
 */
export function createAppContext(
  app: LockedApp,
  options: HostOptions,
  edge: AppContextEdge,
): AppContext {
  const config = options.runtimeConfig;
  const variables = createVariables(app, { options, environment: edge.environment });
  checkApp(app, { options, environment: edge.environment });
  const logs = createComponentLogs({
    logDir: config.logDir,
    follow: options.follow,
    onOutput: edge.onOutput,
    report: edge.report,
  });
  const stores = new KeyValueStores(config.keyValueStores, edge.environment);
  const interfaces = new HostInterfaces(config, { offersOtel: options.offersOtel ?? false });
  const tracer = edge.telemetry?.tracer;
  const spans = tracer &&
    import("./host_spans.ts").then(({ HostSpans }) => new HostSpans(tracer));
  const recorder = options.recordCalls === undefined
    ? undefined
    : import("./call_recorder.ts").then(({ CallRecorder }) =>
      new CallRecorder(options.recordCalls!)
    );
  const tls = new ClientTlsTables(config.clientTls);
  const createPolicy = createPolicies(app, { options, edge, variables, tls });
  const contexts = new Map<string, ComponentContext>();

  function component(id: string): ComponentContext {
    return getOrCreate(contexts, id, () => {
      const locked = findComponent(app, id);
      return createContext(locked, {
        logs,
        stores,
        options,
        internal: edge.internal,
        outbound: createPolicy(locked),
        telemetry: edge.telemetry,
        variables: variables.component(id),
      });
    });
  }

  async function record(
    offered: ImportObject,
    watched: { component: string; wanted: readonly string[] },
  ): Promise<ImportObject> {
    return (await recorder)?.watch(offered, watched) ?? offered;
  }

  return {
    component,
    async componentImports(id, wanted) {
      await tls.load();
      const plain = await interfaces.offer(component(id), wanted);
      const offered = (await spans)?.trace(plain, wanted) ?? plain;
      return await record(offered, { component: id, wanted });
    },
    record,
    render: (template) => variables.render(template),
    async close() {
      await logs.close(FLUSH_MS);
      stores.close();
      interfaces.close();
    },
  };
}

function getOrCreate<T>(known: Map<string, T>, key: string, create: () => T): T {
  const found = known.get(key);
  if (found !== undefined) return found;
  const created = create();
  known.set(key, created);
  return created;
}

function findComponent(app: LockedApp, id: string): LockedComponent {
  const component = app.components.find((candidate) => candidate.id === id);
  if (component) return component;
  throw new TerminalError("UnknownComponent", `The app has no component "${id}"`);
}

function createVariables(
  app: LockedApp,
  { options, environment }: {
    options: HostOptions;
    environment: (name: string) => string | undefined;
  },
): VariableResolver {
  return createVariableResolver({
    app,
    variables: options.variables,
    providers: options.runtimeConfig.variableProviders,
    environment,
    dotenv: options.dotenv,
  });
}

/**
 * The checks of {@link createAppContext} alone. They are cheap, so that a host can run them before it
 * prepares components.
 * @throws {TerminalError} with everything that is wrong.
 */
export function checkApp(
  app: LockedApp,
  { options, environment }: {
    options: HostOptions;
    environment: (name: string) => string | undefined;
  },
): void {
  const problems: TerminalError[] = [];
  const checks = [
    () => checkFollow(options.follow, app.components.map(({ id }) => id)),
    () => checkStores(app, options.runtimeConfig),
    () => createVariables(app, { options, environment }).checkRequired(),
  ];
  for (const check of checks) {
    try {
      check();
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      problems.push(error);
    }
  }
  if (problems.length === 1) throw problems[0]!;
  if (problems.length > 1) {
    throw new TerminalError("InvalidApp", problems.map(({ message }) => message).join("\n"));
  }
}

interface ContextParts {
  readonly logs: ComponentLogs;
  readonly stores: KeyValueStores;
  readonly options: HostOptions;
  readonly internal: InternalRequests;
  readonly outbound: OutboundPolicy;
  readonly variables: ComponentContext["variables"];
  readonly telemetry: HostTelemetry | undefined;
}

function createContext(locked: LockedComponent, parts: ContextParts): ComponentContext {
  const { sqliteDatabases } = parts.options.runtimeConfig;
  return {
    id: locked.id,
    environment: Object.entries(locked.env ?? {}),
    arguments: [],
    mounts: createMounts(locked, parts.options.allowTransientWrite),
    ...sinksOf(locked.id, parts),
    outbound: parts.outbound,
    variables: parts.variables,
    keyValueLabels: componentLabels(locked, "key_value_stores"),
    keyValueStore: (label) => parts.stores.get(label),
    sqliteLabels: componentLabels(locked, "databases"),
    sqliteDatabase: (label) =>
      Object.hasOwn(sqliteDatabases, label)
        ? createSqliteDatabase(sqliteDatabases[label]!)
        : undefined,
    aiModels: componentLabels(locked, "ai_models"),
    internal: parts.internal,
    ...(parts.telemetry ? { telemetry: parts.telemetry.forComponent() } : {}),
  };
}

function sinksOf(id: string, { logs, telemetry }: ContextParts): ComponentSinks {
  const sinks = logs.sinks(id);
  return telemetry?.watchOutput(id, sinks) ?? sinks;
}

function createMounts(component: LockedComponent, isWritable: boolean): Mount[] {
  return (component.files ?? []).map(({ path, source }) => {
    if (!source?.startsWith("file:")) {
      throw new TerminalError(
        "NoSource",
        `Component "${component.id}": the file "${path}" has no file as its source; load the ` +
          "app again",
      );
    }
    return {
      // Without a trailing slash, whatever the URL has.
      hostPath: resolve(fromFileUrl(source)),
      guestPath: path.startsWith("/") ? path : `/${path}`,
      writable: isWritable,
    };
  });
}

/** Makes the policy of each component; blocked networks and limits are those of the isolate. */
function createPolicies(
  app: LockedApp,
  { options, edge, variables, tls }: {
    options: HostOptions;
    edge: AppContextEdge;
    variables: VariableResolver;
    tls: ClientTlsTables;
  },
): (component: LockedComponent) => OutboundPolicy {
  const config = options.runtimeConfig;
  const { outboundNetworking, outboundHttp, outboundRedis, outboundMqtt } = config;
  const blocked = createBlockedNetworks(outboundNetworking.blockNetworks);
  const limits = createConnectionLimits({
    http: outboundHttp.maxConnections,
    socket: outboundNetworking.maxSocketConnections,
    redis: outboundRedis?.maxConnections,
    mqtt: outboundMqtt?.maxConnections,
    postgres: config.outboundPg?.maxConnections,
    mysql: config.outboundMysql?.maxConnections,
    total: outboundNetworking.maxTotalConnections,
  });
  const componentIds = app.components.map(({ id }) => id);
  const { services } = options;
  return (component) => ({
    ...createOutboundPolicy({
      entries: allowedHosts(component),
      componentIds,
      resolve: (name) => variables.resolve(name),
      blocked,
      limits,
      keepsConnections: outboundHttp.connectionPooling,
      report: edge.report,
    }),
    tlsFor: (hostname) => tls.find(component.id, hostname),
    ...(services
      ? { serviceFor: (host: string) => Object.hasOwn(services, host) ? services[host] : undefined }
      : {}),
  });
}

/** `[[client_tls]]`; the code for it is loaded if there are such tables. */
class ClientTlsTables {
  readonly #tables: HostOptions["runtimeConfig"]["clientTls"];
  readonly #lookups = new Map<string, ClientTlsLookup | undefined>();
  #module: typeof import("../imports/client_tls.ts") | undefined;

  constructor(tables: HostOptions["runtimeConfig"]["clientTls"]) {
    this.#tables = tables;
  }

  /** Has to be called before a guest can ask. */
  async load(): Promise<void> {
    if (this.#tables.length > 0) this.#module ??= await import("../imports/client_tls.ts");
  }

  find(component: string, hostname: string): ClientTls | undefined {
    if (!this.#module) return undefined;
    if (!this.#lookups.has(component)) {
      this.#lookups.set(component, this.#module.createClientTls(this.#tables, component));
    }
    return this.#lookups.get(component)?.(hostname);
  }
}

/** Old artifacts still carry `allowed_http_hosts`. */
function allowedHosts(component: LockedComponent): string[] {
  const legacy = component.metadata?.allowed_http_hosts;
  if (component.metadata?.allowed_outbound_hosts !== undefined || !Array.isArray(legacy)) {
    return componentLabels(component, "allowed_outbound_hosts");
  }
  return legacy.filter((entry) => typeof entry === "string").flatMap(convertAllowedHttpHost);
}

/** The key-value stores of an isolate, one for each label. */
class KeyValueStores {
  readonly #configs: HostOptions["runtimeConfig"]["keyValueStores"];
  readonly #environment: (name: string) => string | undefined;
  readonly #stores = new Map<string, FullKeyValueStore>();

  constructor(
    configs: HostOptions["runtimeConfig"]["keyValueStores"],
    environment: (name: string) => string | undefined,
  ) {
    this.#configs = configs;
    this.#environment = environment;
  }

  get(label: string): FullKeyValueStore | undefined {
    if (!Object.hasOwn(this.#configs, label)) return undefined;
    return getOrCreate(this.#stores, label, () =>
      createKeyValueStore({
        config: this.#configs[label]!,
        label,
        environment: this.#environment,
      }));
  }

  close(): void {
    for (const store of this.#stores.values()) store.close();
  }
}
