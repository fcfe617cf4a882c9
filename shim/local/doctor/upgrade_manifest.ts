/**
 * Version 2 of a manifest of version 1, as text.
 *
 * @module
 */

import { stringify } from "smol-toml";
import { convertAllowedHttpHost, DATABASE_HOSTS } from "../../loader/allowed_http_hosts.ts";

type Fields = Record<string, unknown>;

/**
 * Rewrites a manifest. What is not in the form that version 1 has is left to the loader, which tells
 * what is wrong with it.
 * @returns undefined if the manifest is not in order.
 */
export function upgradeManifest(root: Readonly<Fields>): string | undefined {
  const { name, version, description, authors, trigger, variables, component = [] } = root;
  if (!isFields(trigger) || typeof trigger.type !== "string" || !Array.isArray(component)) {
    return undefined;
  }
  const { type, ...globals } = trigger;
  const triggers: Fields[] = [];
  const components: Fields = {};
  for (const entry of component as unknown[]) {
    if (!isFields(entry) || typeof entry.id !== "string" || !isFields(entry.trigger)) {
      return undefined;
    }
    const id = entry.id.replaceAll("_", "-").toLowerCase();
    const upgraded = upgradeComponent(entry);
    if (!upgraded || id in components) return undefined;
    triggers.push({ ...entry.trigger, component: id });
    components[id] = upgraded;
  }
  return stringify({
    spin_manifest_version: 2,
    application: withoutMissing({
      name,
      version,
      description,
      authors,
      trigger: Object.keys(globals).length > 0 ? { [type]: globals } : undefined,
    }),
    ...(variables === undefined ? {} : { variables }),
    trigger: { [type]: triggers },
    component: components,
  });
}

/** Only names have changed: `config`, and the hosts, which now have schemes. */
function upgradeComponent(entry: Readonly<Fields>): Fields | undefined {
  const { id: _id, trigger: _trigger, config, allowed_http_hosts: hosts, source, ...rest } = entry;
  const converted = convertHosts(hosts ?? []);
  if (!converted) return undefined;
  return withoutMissing({
    source,
    ...rest,
    variables: config,
    // Version 1 did not ask for databases.
    allowed_outbound_hosts: [...DATABASE_HOSTS, ...converted],
  });
}

function convertHosts(hosts: unknown): string[] | undefined {
  if (!Array.isArray(hosts) || !hosts.every((host) => typeof host === "string")) return undefined;
  try {
    return hosts.flatMap(convertAllowedHttpHost);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function withoutMissing(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
