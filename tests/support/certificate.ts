/**
 * A certificate for 127.0.0.1 and localhost, made by `openssl`.
 *
 * @module
 */

/** Paths of PEM files, and the certificate's text. */
export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
}

/** Makes a self-signed certificate in `directory`; undefined if there is no `openssl`. */
export function makeCertificate(directory: string): TestCertificate | undefined {
  const certFile = `${directory}/cert.pem`;
  const keyFile = `${directory}/key.pem`;
  const args = [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
    ...["-keyout", keyFile, "-out", certFile, "-days", "2", "-subj", "/CN=localhost"],
    ...["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
  ];
  try {
    const { success, stderr } = new Deno.Command("openssl", { args, stdin: "null" }).outputSync();
    if (!success) throw new Error(`openssl: ${new TextDecoder().decode(stderr)}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  return { certFile, keyFile, cert: Deno.readTextFileSync(certFile) };
}
