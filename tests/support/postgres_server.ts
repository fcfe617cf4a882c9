/**
 * A real PostgreSQL server for tests.
 *
 * @module
 */

import {
  endProcess,
  freePort,
  isInstalled,
  makeOwnedDir,
  runAs,
  runToEnd,
  writeOwned,
} from "./database_process.ts";
import { waitUntil } from "./wait.ts";

/** The newest version that is installed where Debian puts it. */
function binDirectory(): string | undefined {
  try {
    const versions = [...Deno.readDirSync("/usr/lib/postgresql")].map(({ name }) => name);
    const newest = versions.sort((a, b) => Number(a) - Number(b)).at(-1);
    return newest === undefined ? undefined : `/usr/lib/postgresql/${newest}/bin`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Whether PostgreSQL is installed; tests that need it are ignored without. */
export function hasPostgresServer(): boolean {
  return isInstalled(`${binDirectory()}/postgres`) && runAs("postgres") !== undefined;
}

/** Whether the server takes logins: it listens a moment before. */
async function isReady(file: string, port: number): Promise<boolean> {
  const { success } = await new Deno.Command(file, {
    args: ["--quiet", "--host=127.0.0.1", `--port=${port}`],
    stdin: "null",
  }).output();
  return success;
}

/** A running server with a user `spin`, password `se cret`. Whoever started it disposes it. */
export class PostgresServer {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #directory: string;

  private constructor(child: Deno.ChildProcess, options: { port: number; directory: string }) {
    this.#child = child;
    this.port = options.port;
    this.#directory = options.directory;
  }

  /**
   * Starts a server on 127.0.0.1 and waits until it takes logins.
   * @param options.certificate For TLS; default: the server offers none.
   * @param options.authentication How the server asks for the password. Default: `scram-sha-256`.
   */
  static async start(
    options: {
      certificate?: { cert: string; key: string };
      authentication?: "scram-sha-256" | "md5" | "password";
    } = {},
  ): Promise<PostgresServer> {
    const user = runAs("postgres")!;
    const bin = binDirectory()!;
    const port = freePort();
    const directory = makeOwnedDir(user, "spinkube-postgres-");
    const authentication = options.authentication ?? "scram-sha-256";
    writeOwned(`${directory}/password`, { user, text: "se cret\n" });
    await runToEnd(`${bin}/initdb`, {
      user,
      args: [
        ...["--pgdata", `${directory}/data`, "--username", "spin", "--encoding", "UTF8"],
        ...["--locale", "C", "--no-sync", "--pwfile", `${directory}/password`],
        ...["--auth-local", "reject", "--auth-host", authentication],
      ],
    });
    const settings = ["fsync=off", "unix_socket_directories=", "listen_addresses=127.0.0.1"];
    if (options.certificate) {
      writeOwned(`${directory}/cert.pem`, { user, text: options.certificate.cert });
      writeOwned(`${directory}/key.pem`, { user, text: options.certificate.key });
      settings.push(
        "ssl=on",
        `ssl_cert_file=${directory}/cert.pem`,
        `ssl_key_file=${directory}/key.pem`,
      );
    }
    const child = new Deno.Command(`${bin}/postgres`, {
      ...user,
      args: [
        ...["-D", `${directory}/data`, "-p", String(port)],
        ...settings.flatMap((setting) => ["-c", setting]),
      ],
      cwd: "/",
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new PostgresServer(child, { port, directory });
    try {
      await waitUntil(() => isReady(`${bin}/pg_isready`, port), {
        what: `a PostgreSQL server on port ${port}`,
      });
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `postgres://spin:se%20cret@127.0.0.1:<port>/postgres`. */
  get url(): string {
    return `postgres://spin:se%20cret@127.0.0.1:${this.port}/postgres`;
  }

  /** Sends a signal: `SIGSTOP` makes a server that accepts connections and does not answer. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Its children end when they notice; the directory goes after them.
    try {
      this.#child.kill("SIGCONT");
      this.#child.kill("SIGQUIT");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await endProcess(this.#child);
    await Deno.remove(this.#directory, { recursive: true });
  }
}
