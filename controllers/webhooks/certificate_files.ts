/**
 * A certificate that somebody else puts into a directory, such as cert-manager through a Secret.
 *
 * @module
 */

import { join } from "../../lib/path.ts";
import { type CertificatePair, isKeyOf } from "../../lib/certificates.ts";
import { errorText } from "../../lib/errors.ts";
import { pause } from "../../lib/kube/retry.ts";

/**
 * Reads `tls.crt` and `tls.key` of a directory.
 * @returns Undefined if one of them is not there.
 */
export async function readCertificateFiles(
  directory: string,
): Promise<CertificatePair | undefined> {
  try {
    const [cert, key] = await Promise.all([
      Deno.readTextFile(join(directory, "tls.crt")),
      Deno.readTextFile(join(directory, "tls.key")),
    ]);
    return { cert, key };
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (isAbsent) return undefined;
    throw error;
  }
}

/**
 * Looks at the files until the signal fires. Files that do not fit together are left alone: they may
 * be half written.
 *
 * Read rather than watched: what kubelet does to mounted Secrets, and other file systems do at all,
 * does not always tell a watcher.
 */
export async function followCertificateFiles(
  directory: string,
  options: {
    readonly current: CertificatePair;
    readonly intervalMs: number;
    readonly signal: AbortSignal;
    readonly onChange: (pair: CertificatePair) => void;
    /** They cannot be read, or do not fit; told once each time. */
    readonly onTrouble: (message: string) => void;
  },
): Promise<void> {
  const { signal, intervalMs, onChange, onTrouble } = options;
  let { current } = options;
  let told: string | undefined;
  for (;;) {
    await pause(intervalMs, signal).catch(() => {
      // The signal has fired, which is looked at next.
    });
    if (signal.aborted) return;
    let problem: string | undefined;
    try {
      const pair = await readCertificateFiles(directory);
      if (!pair) problem = "tls.crt or tls.key is gone";
      else if (pair.cert === current.cert && pair.key === current.key) problem = undefined;
      else if (!isKeyOf(pair.key, pair.cert)) problem = "tls.key is not the key of tls.crt";
      else onChange(current = pair);
    } catch (error) {
      problem = errorText(error);
    }
    if (problem !== undefined && problem !== told) onTrouble(problem);
    told = problem;
  }
}
