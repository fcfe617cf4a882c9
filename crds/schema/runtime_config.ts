/**
 * Schema of an app's runtime configuration.
 *
 * @module
 */

import { keyReference } from "./common.ts";
import { list, object, type Schema, text } from "./openapi.ts";

/** Something of the host's that is chosen by a type. */
function backend(type: string): Record<string, Schema> {
  return {
    options: list(
      "Settings of the type.",
      object("A setting: a value, or where it comes from.", {
        name: text("Name of the setting, as in Spin's runtime configuration."),
        value: text("The value."),
        valueFrom: object("Where the value comes from, if value is empty.", {
          configMapKeyRef: keyReference("ConfigMap"),
          secretKeyRef: keyReference("Secret"),
        }),
      }, { required: ["name"] }),
    ),
    type: text(type),
  };
}

function named(description: string, type: string): Schema {
  return list(
    description,
    object("A name that the app uses, and what is behind it.", {
      name: text("The name."),
      ...backend(type),
    }, { required: ["name", "type"] }),
  );
}

/** The runtime configuration of an app. */
export function runtimeConfig(): Schema {
  return object("Where the app's stores, databases and models are.", {
    keyValueStores: named(
      "Key-value stores.",
      "Type of the store, such as spin, redis, azure_cosmos or aws_dynamo.",
    ),
    llmCompute: object("Where language models run.", backend("The type, such as remote_http."), {
      required: ["type"],
    }),
    loadFromSecret: text(
      "A Secret in the app's namespace with the whole configuration under the key " +
        "runtime-config.toml. Everything else here is ignored then.",
    ),
    sqliteDatabases: named("SQLite databases.", "Type of the database: spin or libsql."),
    variableProviders: list(
      "Added by this operator: where values of variables are looked for before the environment.",
      object("A provider of variables.", backend("The type, such as vault or azure_key_vault."), {
        required: ["type"],
      }),
    ),
  });
}
