/**
 * Whom a component trusts and which certificate it shows, by host: `[[client_tls]]` as the HTTP
 * client takes it. Loaded by apps that have such a table.
 *
 * @module
 */

import { getCACertificates } from "node:tls";
import { type ClientTlsConfig, splitCertificates } from "./_client_tls_config.ts";
import type { ClientTls } from "./component_context.ts";

/** Gives the settings for a host; undefined: the usual ones. Equal settings are the same object. */
export type ClientTlsLookup = (hostname: string) => ClientTls | undefined;

/**
 * The settings of the component called `id`, or undefined if no table is for it. The first table
 * in the file that fits a host counts, as in Spin. Roots are put together when they are first used.
 */
export function createClientTls(
  tables: readonly ClientTlsConfig[],
  id: string,
): ClientTlsLookup | undefined {
  const own = tables.filter(({ componentIds }) => componentIds.includes(id));
  if (own.length === 0) return undefined;
  const made = new Map<ClientTlsConfig, ClientTls>();
  return (hostname) => {
    const name = hostname.toLowerCase();
    const table = own.find(({ hosts }) => hosts.some((pattern) => matches(pattern, name)));
    if (!table) return undefined;
    const known = made.get(table);
    if (known) return known;
    const settings = toSettings(table);
    made.set(table, settings);
    return settings;
  };
}

/** `*.example.com` stands for every name that ends so, but not for `example.com` itself. */
function matches(pattern: string, hostname: string): boolean {
  return pattern.startsWith("*.") ? hostname.endsWith(pattern.slice(1)) : pattern === hostname;
}

function toSettings(table: ClientTlsConfig): ClientTls {
  const { identity } = table;
  const roots = [
    ...(table.usesPlatformRoots ? getCACertificates("system") : []),
    ...(table.usesWebpkiRoots ? getCACertificates("bundled") : []),
    ...splitCertificates(table.roots ?? ""),
  ];
  return { roots, ...(identity ? { identity } : {}) };
}
