/**
 * The table `[llm_compute]` of the runtime configuration.
 *
 * @module
 */

import { suggest } from "../../lib/nearest.ts";
import type { TomlTable } from "../loader/toml_document.ts";
import type { ConfigReader } from "./_config_reader.ts";

/** A server that runs models. */
export interface RemoteLlmConfig {
  readonly type: "remote_http";
  /** An `http` or `https` URL; requests replace its path. */
  readonly url: string;
  readonly authToken: string;
  /** The protocol: Spin's own, or the one of OpenAI. */
  readonly apiType: "default" | "open_ai";
}

const PATH = ["llm_compute"];
const API_TYPES = ["default", "open_ai"] as const;

/**
 * Reads the table; problems go to `reader`. Undefined if there is none, or if its type is `spin`:
 * models inside of the host, which Spin as it is distributed has not either.
 */
export function readLlmCompute(reader: ConfigReader, root: TomlTable): RemoteLlmConfig | undefined {
  if (root.llm_compute === undefined) return undefined;
  const table = reader.table(PATH, root.llm_compute);
  if (!table) return undefined;
  const type = reader.requiredString(PATH, table, "type");
  if (type === "spin") reader.unknownKeys(PATH, table, ["type"]);
  if (type === "remote_http") return readRemote(reader, table);
  if (type !== undefined && type !== "spin") {
    const hint = suggest(type, ["remote_http", "spin"]);
    reader.problem([...PATH, "type"], `Unknown llm_compute type "${type}"; ${hint}`);
  }
  return undefined;
}

function readRemote(reader: ConfigReader, table: TomlTable): RemoteLlmConfig | undefined {
  reader.unknownKeys(PATH, table, ["type", "url", "auth_token", "api_type"]);
  const url = reader.requiredString(PATH, table, "url");
  const authToken = reader.requiredString(PATH, table, "auth_token");
  const name = reader.string(PATH, table, "api_type") ?? "default";
  const apiType = API_TYPES.find((candidate) => candidate === name);
  const problemsBefore = reader.problems.length;
  if (!apiType) {
    reader.problem(
      [...PATH, "api_type"],
      `Unknown llm_compute.api_type "${name}"; ${suggest(name, API_TYPES)}`,
    );
  }
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    reader.problem([...PATH, "url"], `llm_compute.url must be an http or https URL, not "${url}"`);
  }
  // What a header cannot hold; the value is a secret and is not shown.
  if (authToken !== undefined && !/^[\t\x20-\x7e]*$/.test(authToken)) {
    reader.problem(
      [...PATH, "auth_token"],
      "llm_compute.auth_token must be of visible ASCII characters: it is sent in a header",
    );
  }
  const isUsable = reader.problems.length === problemsBefore;
  if (!isUsable || !apiType || url === undefined || authToken === undefined) return undefined;
  return { type: "remote_http", url, authToken, apiType };
}
