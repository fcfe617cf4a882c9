/**
 * Certificate authorities, and a real TLS server that asks for certificates: OpenSSL's own.
 *
 * @module
 */

import { canConnect, endProcess, freePort } from "./database_process.ts";
import { waitUntil } from "./wait.ts";

/** Whether `openssl` is installed; tests that need it are ignored without. */
export function hasOpenssl(): boolean {
  try {
    return new Deno.Command("openssl", { args: ["version"], stdout: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** PEM files of a certificate. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** An authority of a test's own, whose certificates are good for two days. */
export class TestAuthority {
  /** PEM file of its own certificate. */
  readonly root: string;
  readonly #directory: string;
  readonly #name: string;

  /** @param options.name Of its files in `directory`, and in its certificate. */
  constructor(directory: string, { name }: { name: string }) {
    this.#directory = directory;
    this.#name = name;
    this.root = `${directory}/${name}.pem`;
    openssl([
      ...["req", "-x509", ...NEW_KEY, "-keyout", `${directory}/${name}.key`, "-out", this.root],
      ...["-days", "2", "-subj", `/CN=${name}`],
      ...["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign"],
    ]);
  }

  /** Makes a certificate. @param subject Alternative names: `DNS:localhost`, `IP:127.0.0.1`. */
  issue(name: string, subject: string): CertificateFiles {
    const [cert, key, request, extensions] = ["pem", "key", "csr", "ext"]
      .map((suffix) => `${this.#directory}/${name}.${suffix}`) as [string, string, string, string];
    openssl(["req", "-new", ...NEW_KEY, "-keyout", key, "-out", request, "-subj", `/CN=${name}`]);
    Deno.writeTextFileSync(extensions, `subjectAltName=${subject}\nbasicConstraints=CA:FALSE\n`);
    openssl([
      ...["x509", "-req", "-in", request, "-CA", this.root, "-days", "2", "-out", cert],
      ...["-CAkey", `${this.#directory}/${this.#name}.key`, "-CAcreateserial"],
      ...["-extfile", extensions],
    ]);
    return { cert, key };
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

function openssl(args: readonly string[]): void {
  const command = new Deno.Command("openssl", { args: [...args], stdin: "null" });
  const { success, stderr } = command.outputSync();
  if (!success) throw new Error(`openssl ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}

/** A running HTTPS server that answers every GET with what it knows of the connection. */
export class TlsServer implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /**
   * Starts a server on 127.0.0.1.
   * @param options.clientRoots PEM file of those whose clients are let in; default: everybody is.
   * @param options.args Further options of `openssl s_server`.
   */
  static async start(
    { cert, key }: CertificateFiles,
    options: { clientRoots?: string; args?: readonly string[] } = {},
  ): Promise<TlsServer> {
    const port = freePort();
    const { clientRoots, args = [] } = options;
    const child = new Deno.Command("openssl", {
      args: [
        ...[
          "s_server",
          "-accept",
          `127.0.0.1:${port}`,
          "-cert",
          cert,
          "-key",
          key,
          "-www",
          "-quiet",
        ],
        ...(clientRoots === undefined
          ? []
          : ["-Verify", "2", "-verify_return_error", "-CAfile", clientRoots]),
        ...args,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new TlsServer(child, port);
    try {
      await waitUntil(() => canConnect(port), { what: `a TLS server on port ${port}` });
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#child);
  }
}
