/**
 * The login to a PostgreSQL server: password, MD5, or SCRAM-SHA-256.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { serialize } from "pg-protocol";
import sasl from "pg/lib/crypto/sasl.js";
import type { PgAddress } from "./_pg_address.ts";
import { readAuthentication } from "./_pg_wire.ts";

/** What `pg` keeps between the steps of SCRAM. */
interface SaslSession {
  readonly mechanism: string;
  readonly response: string;
}

/** Answers the questions of a server that one connection is asked. */
export class PgLogin {
  readonly #address: PgAddress;
  readonly #send: (bytes: Uint8Array) => void;
  #session: SaslSession | undefined;
  /** SCRAM also proves that the server knows the password. */
  #isProven = true;

  constructor(address: PgAddress, send: (bytes: Uint8Array) => void) {
    this.#address = address;
    this.#send = send;
  }

  /** The first message. */
  start(): Uint8Array {
    const { user, database, startup } = this.#address;
    return serialize.startup({ user, database, ...startup });
  }

  /**
   * Answers an authentication request.
   * @throws {Error} by rejection, if it cannot be answered, or the server is not what it claims.
   */
  async onAuthentication(body: Uint8Array): Promise<void> {
    const request = readAuthentication(body);
    switch (request.kind) {
      case "ok":
        return;
      case "password":
        this.#send(serialize.password(this.#password()));
        return;
      case "md5":
        this.#send(serialize.password(this.#md5(request.salt)));
        return;
      case "sasl": {
        this.#password();
        this.#isProven = false;
        const session: SaslSession = sasl.startSession(request.mechanisms);
        this.#session = session;
        this.#send(serialize.sendSASLInitialResponseMessage(session.mechanism, session.response));
        return;
      }
      case "sasl-continue":
        await sasl.continueSession(this.#session, this.#password(), request.data);
        this.#send(serialize.sendSCRAMClientFinalMessage(this.#session!.response));
        return;
      case "sasl-final":
        sasl.finalizeSession(this.#session, request.data);
        this.#isProven = true;
        return;
      default:
        throw new Error(
          `the server asks for a kind of login that is not supported (${request.code}); ` +
            "use scram-sha-256",
        );
    }
  }

  /** To be called when the server says that the login is complete. */
  finish(): void {
    if (!this.#isProven) throw new Error("the server has not proven that it knows the password");
  }

  #password(): string {
    const { password } = this.#address;
    if (password === undefined) {
      throw new Error("the server asks for a password; the address has none");
    }
    return password;
  }

  #md5(salt: Uint8Array): string {
    const md5 = (...parts: (string | Uint8Array)[]) => {
      const hash = createHash("md5");
      for (const part of parts) hash.update(part);
      return hash.digest("hex");
    };
    return `md5${md5(md5(this.#password(), this.#address.user), salt)}`;
  }
}
