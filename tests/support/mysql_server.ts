/**
 * A real MariaDB server for tests of MySQL.
 *
 * @module
 */

import {
  canConnect,
  endProcess,
  freePort,
  isInstalled,
  makeOwnedDir,
  runAs,
  runToEnd,
  writeOwned,
} from "./database_process.ts";
import { waitUntil } from "./wait.ts";

const SERVER = "/usr/sbin/mariadbd";
const INSTALL = "/usr/bin/mariadb-install-db";

/** Whether MariaDB is installed; tests that need it are ignored without. */
export function hasMysqlServer(): boolean {
  return isInstalled(SERVER) && isInstalled(INSTALL) && runAs("mysql") !== undefined;
}

/**
 * A running server with a database `spin` and a user `spin`, password `se cret`. Whoever started it
 * disposes it.
 */
export class MysqlServer {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #directory: string;

  private constructor(child: Deno.ChildProcess, options: { port: number; directory: string }) {
    this.#child = child;
    this.port = options.port;
    this.#directory = options.directory;
  }

  /**
   * Starts a server on 127.0.0.1 and waits until it listens.
   * @param options.certificate For TLS; default: the server offers none.
   */
  static async start(
    options: { certificate?: { cert: string; key: string } } = {},
  ): Promise<MysqlServer> {
    const user = runAs("mysql")!;
    const port = freePort();
    const directory = makeOwnedDir(user, "spinkube-mysql-");
    const data = `--datadir=${directory}/data`;
    await runToEnd(INSTALL, {
      user,
      args: [
        "--no-defaults",
        data,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
      ],
    });
    writeOwned(`${directory}/init.sql`, {
      user,
      text: "CREATE DATABASE spin CHARACTER SET utf8mb4;\n" +
        "CREATE USER spin@'%' IDENTIFIED BY 'se cret';\nGRANT ALL ON *.* TO spin@'%';\n",
    });
    const tls: string[] = [];
    if (options.certificate) {
      writeOwned(`${directory}/cert.pem`, { user, text: options.certificate.cert });
      writeOwned(`${directory}/key.pem`, { user, text: options.certificate.key });
      tls.push(`--ssl-cert=${directory}/cert.pem`, `--ssl-key=${directory}/key.pem`);
    }
    const child = new Deno.Command(SERVER, {
      ...user,
      args: [
        ...["--no-defaults", data, `--port=${port}`, "--bind-address=127.0.0.1"],
        ...[`--socket=${directory}/socket`, `--pid-file=${directory}/pid`, "--skip-name-resolve"],
        ...[`--init-file=${directory}/init.sql`, "--innodb-flush-log-at-trx-commit=0"],
        ...["--innodb-buffer-pool-size=16M", "--character-set-server=latin1", ...tls],
      ],
      cwd: "/",
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new MysqlServer(child, { port, directory });
    try {
      await waitUntil(() => canConnect(port), { what: `a MariaDB server on port ${port}` });
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `mysql://spin:se%20cret@127.0.0.1:<port>/spin`. */
  get url(): string {
    return `mysql://spin:se%20cret@127.0.0.1:${this.port}/spin`;
  }

  /** Sends a signal: `SIGSTOP` makes a server that accepts connections and does not answer. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#child);
    await Deno.remove(this.#directory, { recursive: true });
  }
}
