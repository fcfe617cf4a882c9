/**
 * Logins to registries: Spin's own file, then Docker's configuration and its credential helpers.
 *
 * @module
 */

import { errorText } from "../errors.ts";
import { dirname, join } from "../path.ts";

/** A login. */
export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** An identity token, which is exchanged for others. */
  | { readonly kind: "token"; readonly token: string };

/** The world, as far as logins are concerned. */
export interface CredentialsEdge {
  /** As `Deno.build.os`. */
  readonly os: string;
  readonly environment: (name: string) => string | undefined;
  /** Default: reads the file. */
  readonly readTextFile?: (path: string) => Promise<string>;
  /** Runs `docker-credential-<name> get`. Default: starts the program. */
  readonly runHelper?: (name: string, input: string) => Promise<string>;
  /** Told what is odd, a line at a time; the search goes on. */
  readonly report: (line: string) => void;
}

/** `Authorization` for a user and a password. */
export function encodeBasic(
  { username, password }: Extract<Credentials, { kind: "password" }>,
): string {
  return `Basic ${new TextEncoder().encode(`${username}:${password}`).toBase64()}`;
}

/** How files of logins name a registry; people and references say `docker.io`. */
export function credentialsServer(registry: string): string {
  return registry === "docker.io" ? "index.docker.io" : registry;
}

/** The host that a user means: `https://ghcr.io/` is `ghcr.io`, with its port. */
export function serverFromInput(text: string): string {
  const host = /^https?:\/\//i.test(text) && URL.canParse(text)
    ? new URL(text).host
    : text.replace(/\/+$/, "");
  return credentialsServer(host);
}

/** The login for a registry; undefined if nobody has one. */
export async function findCredentials(
  registry: string,
  edge: CredentialsEdge,
): Promise<Credentials | undefined> {
  const server = credentialsServer(registry);
  return await fromSpin(server, edge) ?? await fromDocker(server, edge);
}

/**
 * Where Spin keeps logins: `registry-auth.json` in the user's configuration.
 * @returns Undefined if the user has no home.
 */
export function spinAuthFile(
  { os, environment }: Pick<CredentialsEdge, "os" | "environment">,
): string | undefined {
  const home = environment("HOME");
  const xdg = environment("XDG_CONFIG_HOME");
  const base = os === "windows"
    ? environment("APPDATA")
    : os === "darwin"
    ? home && join(home, "Library", "Application Support")
    : xdg?.startsWith("/")
    ? xdg
    : home && join(home, ".config");
  return base ? join(base, "fermyon", "registry-auth.json") : undefined;
}

/**
 * Stores a login as Spin does, beside those that are there, for its owner only.
 * @throws {Error} if the file there is none of logins, or cannot be written; it then is as it was.
 */
export async function saveCredentials(
  path: string,
  { server, username, password }: { server: string; username: string; password: string },
): Promise<void> {
  const { auths } = await readSpinFile(path, Deno.readTextFile);
  auths[server] = new TextEncoder().encode(`${username}:${password}`).toBase64();
  await Deno.mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    const text = JSON.stringify({ auths }, null, 2);
    await Deno.writeTextFile(temporary, text, { mode: 0o600, createNew: true });
    await Deno.rename(temporary, path);
  } catch (error) {
    // It may not even have been made; the first error is the one that tells why.
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}

async function readSpinFile(
  path: string,
  readTextFile: (path: string) => Promise<string>,
): Promise<{ auths: Record<string, unknown> }> {
  let text: string;
  try {
    text = await readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { auths: {} };
    throw error;
  }
  const { auths } = parseObject(text, path);
  if (isObject(auths)) return { auths };
  throw new Error(`"${path}" has no "auths"; correct or remove it`);
}

async function fromSpin(
  server: string,
  edge: CredentialsEdge,
): Promise<Credentials | undefined> {
  const path = spinAuthFile(edge);
  if (path === undefined) return undefined;
  try {
    const { auths } = await readSpinFile(path, edge.readTextFile ?? Deno.readTextFile);
    const encoded = Object.hasOwn(auths, server) ? auths[server] : undefined;
    return typeof encoded === "string" ? decodeLogin(encoded) : undefined;
  } catch (error) {
    edge.report(`Cannot use the logins of Spin: ${errorText(error)}`);
    return undefined;
  }
}

async function fromDocker(
  server: string,
  edge: CredentialsEdge,
): Promise<Credentials | undefined> {
  const directory = edge.environment("DOCKER_CONFIG") ||
    join(edge.environment("HOME") || edge.environment("USERPROFILE") || "", ".docker");
  const path = join(directory, "config.json");
  let config: Record<string, unknown>;
  try {
    config = parseObject(await (edge.readTextFile ?? Deno.readTextFile)(path), path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      edge.report(`Cannot use the logins of Docker: ${errorText(error)}`);
    }
    return undefined;
  }
  const keys = dockerKeys(server);
  const helpers = isObject(config.credHelpers) ? config.credHelpers : {};
  const key = keys.find((candidate) => Object.hasOwn(helpers, candidate));
  const helper = key === undefined ? config.credsStore : helpers[key];
  const found = typeof helper === "string" && helper !== ""
    ? await fromHelper(helper, { keys, edge })
    : undefined;
  return found ?? fromDockerAuths(config.auths, keys);
}

/** How Docker's configuration may name a registry. */
function dockerKeys(server: string): string[] {
  return server === "index.docker.io"
    ? ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "https://index.docker.io"]
    : [
      server,
      `https://${server}`,
      `https://${server}/`,
      `https://${server}/v1/`,
      `https://${server}/v2/`,
      `http://${server}`,
    ];
}

function fromDockerAuths(auths: unknown, keys: readonly string[]): Credentials | undefined {
  if (!isObject(auths)) return undefined;
  for (const key of keys) {
    const entry = Object.hasOwn(auths, key) ? auths[key] : undefined;
    if (!isObject(entry)) continue;
    const { identitytoken, auth, username, password } = entry;
    if (typeof identitytoken === "string" && identitytoken !== "") {
      return { kind: "token", token: identitytoken };
    }
    if (typeof auth === "string" && auth !== "") return decodeLogin(auth);
    if (typeof username === "string" && typeof password === "string") {
      return { kind: "password", username, password };
    }
  }
  return undefined;
}

async function fromHelper(
  name: string,
  { keys, edge }: { keys: readonly string[]; edge: CredentialsEdge },
): Promise<Credentials | undefined> {
  for (const key of keys.slice(0, 2)) {
    try {
      const { Username, Secret } = parseObject(
        await (edge.runHelper ?? runHelper)(name, key),
        `The answer of docker-credential-${name}`,
      );
      if (typeof Username !== "string" || typeof Secret !== "string" || Secret === "") continue;
      return Username === "<token>"
        ? { kind: "token", token: Secret }
        : { kind: "password", username: Username, password: Secret };
    } catch (error) {
      // Every helper says it with these words; then the next name may be known.
      if (/credentials not found/i.test(errorText(error))) continue;
      edge.report(`Cannot use docker-credential-${name}: ${errorText(error)}`);
      return undefined;
    }
  }
  return undefined;
}

async function runHelper(name: string, input: string): Promise<string> {
  const child = new Deno.Command(`docker-credential-${name}`, {
    args: ["get"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder().decode(stdout);
  if (success) return text;
  throw new Error((text.trim() || new TextDecoder().decode(stderr).trim()).slice(0, 300));
}

function decodeLogin(encoded: string): Credentials {
  const text = new TextDecoder().decode(
    Uint8Array.fromBase64(encoded, { lastChunkHandling: "loose" }),
  );
  const colon = text.indexOf(":");
  if (colon < 0) throw new Error("a login has no colon between user and password");
  return { kind: "password", username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function parseObject(text: string, owner: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${owner} is no JSON: ${errorText(error)}`, { cause: error });
  }
  if (isObject(value)) return value;
  throw new Error(`${owner} is no JSON object`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
