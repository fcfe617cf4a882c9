/**
 * The Secret through which all replicas have the same certificates.
 *
 * @module
 */

import { OPERATOR } from "../../crds/contract.ts";
import { TerminalError } from "../../lib/errors.ts";
import { isAlreadyExists, isConflict } from "../../lib/kube/api_error.ts";
import type { KubeClient } from "../../lib/kube/client.ts";
import { type Secret, SECRETS } from "../../lib/kube/workload_types.ts";
import {
  type RenewalContext,
  renewCertificates,
  type SharedCertificates,
} from "./certificate_renewal.ts";

/** Where the Secret is. */
export interface SecretName {
  readonly name: string;
  readonly namespace: string;
}

/** Keys of the Secret; the first two are those of every TLS Secret. */
const KEYS = { cert: "tls.crt", key: "tls.key", authorities: "ca.crt", authorityKey: "ca.key" };

/** Replicas that write at the same time, at most; one of them wins each time. */
const MAX_TRIES = 20;

/**
 * The certificates to use now, made or renewed where that is due. Of replicas that do it at the same
 * time the first wins, and the others take what it has written.
 *
 * @throws {TerminalError} if the Secret is somebody else's.
 * @throws {ApiError} if it cannot be read or written.
 */
export async function ensureCertificateSecret(
  client: KubeClient,
  secret: SecretName,
  context: RenewalContext,
): Promise<SharedCertificates> {
  for (let tries = 1;; tries++) {
    const found = await client.find(SECRETS, secret);
    const known = found && readSecret(found);
    const wanted = await renewCertificates(known, context);
    if (wanted === known) return known;
    try {
      if (found) await client.update(SECRETS, { ...found, data: formatData(wanted) });
      else await client.create(SECRETS, newSecret(secret, wanted));
      return wanted;
    } catch (error) {
      const isLost = isConflict(error) || isAlreadyExists(error);
      if (!isLost || tries >= MAX_TRIES) throw error;
    }
  }
}

function readSecret({ metadata, data = {} }: Secret): SharedCertificates {
  if (metadata.annotations?.[OPERATOR.managedByAnnotation] !== OPERATOR.managedBy) {
    throw new TerminalError(
      "SecretTaken",
      `Secret "${metadata.namespace}/${metadata.name}" is not the operator's own, and is needed for ` +
        "the webhooks' certificates; delete it, or mount its certificate into the operator",
    );
  }
  const text = (key: string): string =>
    new TextDecoder().decode(Uint8Array.fromBase64(data[key] ?? ""));
  return {
    serving: { cert: text(KEYS.cert), key: text(KEYS.key) },
    authorities: text(KEYS.authorities),
    authorityKey: text(KEYS.authorityKey),
  };
}

function newSecret(metadata: SecretName, certificates: SharedCertificates): Secret {
  return {
    metadata: {
      ...metadata,
      annotations: { [OPERATOR.managedByAnnotation]: OPERATOR.managedBy },
    },
    type: "kubernetes.io/tls",
    data: formatData(certificates),
  };
}

function formatData(
  { serving, authorities, authorityKey }: SharedCertificates,
): Record<string, string> {
  const base64 = (text: string): string => new TextEncoder().encode(text).toBase64();
  return {
    [KEYS.cert]: base64(serving.cert),
    [KEYS.key]: base64(serving.key),
    [KEYS.authorities]: base64(authorities),
    [KEYS.authorityKey]: base64(authorityKey),
  };
}
