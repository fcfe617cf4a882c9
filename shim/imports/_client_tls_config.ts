/**
 * The tables `[[client_tls]]` of the runtime configuration: whom components trust, and which
 * certificate they show, when they make HTTPS requests to certain hosts.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { nodeCrypto } from "../../lib/node_builtins.ts";
import { isAbsolute, join } from "../../lib/path.ts";
import type { TomlTable } from "../loader/toml_document.ts";
import { type ConfigReader, formatPath } from "./_config_reader.ts";

/** One table: plain data, with the content of the files it names. */
export interface ClientTlsConfig {
  /** The components it is for; not empty. */
  readonly componentIds: readonly string[];
  /** Host names and addresses without ports, or `*.example.com`; in lower case and not empty. */
  readonly hosts: readonly string[];
  /** Whether the roots of the system are trusted. */
  readonly usesPlatformRoots: boolean;
  /** Whether the roots of Mozilla's program are trusted. */
  readonly usesWebpkiRoots: boolean;
  /** PEM of `ca_roots_file`: certificates that are trusted too. */
  readonly roots?: string;
  /** PEM of the client's certificate chain and of its private key; the key is a secret. */
  readonly identity?: { readonly certificate: string; readonly privateKey: string };
}

/** Where files are. */
export interface ClientTlsFiles {
  /** Directory of the runtime configuration; relative paths start there. */
  readonly configDir: string;
  /** Default: the file system. */
  readonly readTextFile?: (path: string) => string;
}

interface Entry {
  readonly path: (string | number)[];
  readonly table: TomlTable;
}

const KEYS = [
  "component_ids",
  "hosts",
  "ca_use_platform_roots",
  "ca_use_webpki_roots",
  "ca_roots_file",
  "client_cert_file",
  "client_private_key_file",
];

/** A name or an IPv4 address, perhaps with `*.` before it, or an IPv6 address in brackets. */
const HOST = /^(?:(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/i;

/** Reads all tables and their files; problems go to `reader`, and a table with one is left out. */
export function readClientTls(
  reader: ConfigReader,
  root: TomlTable,
  files: ClientTlsFiles,
): ClientTlsConfig[] {
  return reader.array(["client_tls"], root.client_tls).flatMap((value, i) => {
    const path = ["client_tls", i];
    const table = reader.table(path, value);
    if (!table) return [];
    const problemsBefore = reader.problems.length;
    const config = readEntry(reader, { path, table }, files);
    return reader.problems.length === problemsBefore ? [config] : [];
  });
}

function readEntry(reader: ConfigReader, entry: Entry, files: ClientTlsFiles): ClientTlsConfig {
  const { path, table } = entry;
  reader.unknownKeys(path, table, KEYS);
  const platform = reader.boolean(path, table, "ca_use_platform_roots");
  const webpki = reader.boolean(path, table, "ca_use_webpki_roots");
  const roots = readPem(reader, { entry, key: "ca_roots_file", files, check: checkCertificates });
  const hasRootsFile = table.ca_roots_file !== undefined;
  const usesPlatformRoots = platform ?? (webpki === undefined && !hasRootsFile);
  const usesWebpkiRoots = webpki ?? false;
  if (!usesPlatformRoots && !usesWebpkiRoots && !hasRootsFile) {
    reader.problem(
      path,
      `${
        formatPath(path)
      } trusts nobody: set "ca_use_platform_roots" or "ca_use_webpki_roots" to ` +
        'true, or name a "ca_roots_file"',
    );
  }
  const identity = readIdentity(reader, entry, files);
  return {
    componentIds: readList(reader, entry, "component_ids"),
    hosts: readHosts(reader, entry),
    usesPlatformRoots,
    usesWebpkiRoots,
    ...(roots === undefined ? {} : { roots }),
    ...(identity === undefined ? {} : { identity }),
  };
}

function readIdentity(
  reader: ConfigReader,
  entry: Entry,
  files: ClientTlsFiles,
): ClientTlsConfig["identity"] {
  const { path, table } = entry;
  const [certKey, privateKey] = ["client_cert_file", "client_private_key_file"] as const;
  const given = [certKey, privateKey].filter((key) => table[key] !== undefined);
  if (given.length === 1) {
    const missing = given[0] === certKey ? privateKey : certKey;
    reader.problem([...path, given[0]!], `${given[0]} specified without ${missing}`);
  }
  const certificate = readPem(reader, { entry, key: certKey, files, check: checkCertificates });
  const key = readPem(reader, { entry, key: privateKey, files, check: checkPrivateKey });
  if (certificate === undefined || key === undefined) return undefined;
  const crypto = nodeCrypto();
  if (!new crypto.X509Certificate(certificate).checkPrivateKey(crypto.createPrivateKey(key))) {
    reader.problem(
      [...path, privateKey],
      `The private key in "${fileOf(entry, { key: privateKey, files })}" does not belong to the ` +
        `certificate in "${fileOf(entry, { key: certKey, files })}"`,
    );
  }
  return { certificate, privateKey: key };
}

function readList(reader: ConfigReader, { path, table }: Entry, key: string): string[] {
  const at = [...path, key];
  if (table[key] === undefined) {
    reader.problem(path, `${formatPath(path)} needs the key "${key}"`);
    return [];
  }
  const values = reader.array(at, table[key]);
  if (Array.isArray(table[key]) && values.length === 0) {
    reader.problem(at, `'${key}' list may not be empty`);
  }
  return values.filter((value, i): value is string => {
    if (typeof value === "string") return true;
    reader.problem([...at, i], `${formatPath(at)} must be a list of strings`);
    return false;
  });
}

function readHosts(reader: ConfigReader, entry: Entry): string[] {
  const hosts = readList(reader, entry, "hosts");
  for (const [i, host] of hosts.entries()) {
    if (HOST.test(host)) continue;
    const hasPort = /^[^/]+:\d+$/.test(host);
    reader.problem(
      [...entry.path, "hosts", i],
      hasPort
        ? `invalid TLS 'host' "${host}"; ports not currently supported`
        : `invalid TLS 'host' "${host}"; write a name such as "example.com" or "*.example.com"`,
    );
  }
  return hosts.map((host) => host.toLowerCase().replace(/^\[|\]$/g, ""));
}

interface PemFile {
  readonly entry: Entry;
  readonly key: string;
  readonly files: ClientTlsFiles;
  /** Throws what is wrong with a text. */
  readonly check: (text: string) => void;
}

function readPem(reader: ConfigReader, pem: PemFile): string | undefined {
  const { entry: { path, table }, key, files, check } = pem;
  if (reader.string(path, table, key) === undefined) return undefined;
  const file = fileOf(pem.entry, pem);
  try {
    const text = (files.readTextFile ?? Deno.readTextFileSync)(file);
    check(text);
    return text;
  } catch (error) {
    const what = check === checkPrivateKey ? "key" : "certificate(s)";
    reader.problem(
      [...path, key],
      `failed to load ${what} from '${file}': ${errorText(error)}`,
    );
    return undefined;
  }
}

function fileOf(
  { table }: Entry,
  { key, files }: { key: string; files: ClientTlsFiles },
): string {
  const name = table[key] as string;
  return isAbsolute(name) ? name : join(files.configDir, name);
}

/** @throws {Error} unless there is at least one certificate and all of them can be read. */
function checkCertificates(text: string): void {
  const blocks = splitCertificates(text);
  if (blocks.length === 0) throw new Error("it has no PEM certificate in it");
  for (const [i, block] of blocks.entries()) {
    try {
      new (nodeCrypto().X509Certificate)(block);
    } catch (error) {
      throw new Error(`certificate ${i + 1} is not valid: ${errorText(error)}`, { cause: error });
    }
  }
}

/** @throws {Error} that shows nothing of the key. */
function checkPrivateKey(text: string): void {
  try {
    nodeCrypto().createPrivateKey(text);
  } catch (error) {
    throw new Error("it is no PEM private key without a password", { cause: error });
  }
}

/** The certificates in a PEM text, one by one. */
export function splitCertificates(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
}
