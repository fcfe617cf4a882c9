/**
 * Warnings about the runtime configuration of an app: options that Spin does not have.
 *
 * They are warnings because an app may run in a Spin of somebody's own, which has other back ends
 * and options.
 *
 * @module
 */

import type { Backend, SpinApp } from "../../crds/spin_app.ts";
import { nearest } from "../../lib/nearest.ts";

/** The options of one type of back end. */
interface KnownOptions {
  readonly required?: readonly string[];
  readonly optional?: readonly string[];
}

type KnownBackends = Readonly<Record<string, KnownOptions>>;

/** As Spin reads them; `region` of Cosmos DB is one that Spin takes, and nothing here uses. */
const KEY_VALUE_STORES: KnownBackends = {
  spin: { optional: ["path"] },
  redis: { required: ["url"] },
  azure_cosmos: {
    required: ["account", "database", "container"],
    optional: ["key", "region", "auth_type", "client_id", "endpoint"],
  },
  aws_dynamo: {
    required: ["region", "table"],
    optional: ["access_key", "secret_key", "token", "consistent_read"],
  },
};

const SQLITE_DATABASES: KnownBackends = {
  spin: { optional: ["path", "allow_attach_file"] },
  libsql: { required: ["url", "token"] },
};

const LLM_COMPUTES: KnownBackends = {
  spin: {},
  remote_http: { required: ["url", "auth_token"], optional: ["api_type"] },
};

const VARIABLE_PROVIDERS: KnownBackends = {
  static: { optional: ["values"] },
  env: { optional: ["prefix", "dotenv_path"] },
  vault: { required: ["url", "token", "mount"], optional: ["prefix"] },
  azure_key_vault: {
    required: ["vault_url"],
    optional: ["client_id", "client_secret", "tenant_id", "authority_host"],
  },
};

interface Place {
  readonly field: string;
  readonly known: KnownBackends;
}

/** One warning for each mistake, beginning with the field. */
export function backendWarnings({ spec }: SpinApp): string[] {
  const config = spec.runtimeConfig;
  if (!config || config.loadFromSecret) return [];
  const { keyValueStores = [], sqliteDatabases = [], llmCompute, variableProviders = [] } = config;
  return [
    ...listWarnings(keyValueStores, { field: "keyValueStores", known: KEY_VALUE_STORES }),
    ...listWarnings(sqliteDatabases, { field: "sqliteDatabases", known: SQLITE_DATABASES }),
    ...(llmCompute
      ? warningsOf(llmCompute, { field: "spec.runtimeConfig.llmCompute", known: LLM_COMPUTES })
      : []),
    ...listWarnings(variableProviders, { field: "variableProviders", known: VARIABLE_PROVIDERS }),
  ];
}

function listWarnings(backends: readonly Backend[], { field, known }: Place): string[] {
  return backends.flatMap((backend, index) =>
    warningsOf(backend, { field: `spec.runtimeConfig.${field}[${index}]`, known })
  );
}

function warningsOf({ type, options = [] }: Backend, { field, known }: Place): string[] {
  // An option of this name wins over the type.
  const chosen = options.findLast(({ name }) => name === "type")?.value || type;
  if (!Object.hasOwn(known, chosen)) return typeWarnings(chosen, { field, known });
  const { required = [], optional = [] } = known[chosen]!;
  const names = ["type", ...required, ...optional];
  const unknown = options.flatMap(({ name }, index) =>
    names.includes(name) ? [] : [
      `${field}.options[${index}]: ${chosen} has no option ${JSON.stringify(name)}` +
      hint(name, names),
    ]
  );
  const missing = required
    .filter((name) => !options.some((option) => option.name === name))
    .map((name) => `${field}: ${chosen} needs the option ${JSON.stringify(name)}`);
  return [...unknown, ...missing];
}

/** Only what looks like a typing mistake: other types may be those of another Spin. */
function typeWarnings(type: string, { field, known }: Place): string[] {
  const meant = nearest(type, Object.keys(known));
  if (meant === undefined) return [];
  return [
    `${field}.type: Spin has no type ${JSON.stringify(type)}; did you mean ${
      JSON.stringify(meant)
    }?`,
  ];
}

function hint(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? "" : `; did you mean ${JSON.stringify(meant)}?`;
}
