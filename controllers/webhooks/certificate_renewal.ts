/**
 * When the webhooks' certificates are made anew.
 *
 * An authority signs for ten years, a server's certificate is good for one. Both are replaced long
 * before they end, and in such an order that the API server trusts whichever certificate it is shown
 * at any time: a new authority is made known first, and signs only when it is trusted everywhere;
 * the one before stays trusted until it ends.
 *
 * @module
 */

import {
  type CertificatePair,
  isIssuedBy,
  isKeyOf,
  makeCertificate,
  readCertificate,
  splitCertificates,
} from "../../lib/certificates.ts";

/** What all replicas share. */
export interface SharedCertificates {
  /** Certificate of the server. */
  readonly serving: CertificatePair;
  /** The authorities that are to be trusted (PEM), the oldest first. */
  readonly authorities: string;
  /** Key of the newest. */
  readonly authorityKey: string;
}

/** What {@link renewCertificates} goes by. */
export interface RenewalContext {
  /** Host names and addresses that the certificate is for; the first is its common name. */
  readonly names: readonly string[];
  readonly now: Date;
  /** Whether the API server trusts an authority already. */
  readonly isTrusted: (authority: string) => boolean;
}

const DAY_MS = 86_400_000;
const SERVING_MS = 365 * DAY_MS;
const AUTHORITY_MS = 10 * SERVING_MS;
/** A certificate is replaced when this is left of its time: four months. */
const SERVING_LEFT_MS = SERVING_MS / 3;
/** An authority is replaced when it cannot sign for a full year any more, and then some. */
const AUTHORITY_LEFT_MS = 2 * SERVING_MS;
/** Clocks of API servers may be behind ours. */
const CLOCK_SKEW_MS = 60 * 60_000;

/** Common name of authorities. */
const AUTHORITY_NAME = "spin-operator webhook authority";

/**
 * The certificates to use from now on.
 * @returns `known` itself if nothing has to change.
 */
export async function renewCertificates(
  known: SharedCertificates | undefined,
  { names, now, isTrusted }: RenewalContext,
): Promise<SharedCertificates> {
  const authorities = splitCertificates(known?.authorities ?? "")
    .filter((cert) => timeLeft(cert, now) > 0);
  let newest = usableAuthority(authorities, { key: known?.authorityKey ?? "", now });
  const isNew = newest === undefined;
  if (!newest) {
    newest = await makeAuthority(now);
    authorities.push(newest.cert);
  }
  const serving = known && isServing(known.serving, { authorities, names, now })
    ? known.serving
    : undefined;
  const isDue = serving !== undefined &&
    (timeLeft(serving.cert, now) < SERVING_LEFT_MS || !isIssuedBy(serving.cert, newest.cert));
  const mayChange = !isNew && isTrusted(newest.cert);
  if (serving && !(isDue && mayChange) && !isNew && known!.authorities === authorities.join("")) {
    return known!;
  }
  return {
    serving: serving && !(isDue && mayChange) ? serving : await makeServing(newest, { names, now }),
    authorities: authorities.join(""),
    authorityKey: newest.key,
  };
}

/** Whether all is as it should be for long: nothing waits for the API server to trust somebody. */
export function isSettled(
  { serving, authorities }: SharedCertificates,
  now: Date,
): boolean {
  const newest = splitCertificates(authorities).at(-1);
  return newest !== undefined && isIssuedBy(serving.cert, newest) &&
    timeLeft(serving.cert, now) >= SERVING_LEFT_MS;
}

function usableAuthority(
  authorities: readonly string[],
  { key, now }: { key: string; now: Date },
): CertificatePair | undefined {
  const cert = authorities.at(-1);
  if (cert === undefined || !isKeyOf(key, cert)) return undefined;
  return timeLeft(cert, now) < AUTHORITY_LEFT_MS ? undefined : { cert, key };
}

/** Whether a server can be run with a certificate now. */
function isServing(
  { cert, key }: CertificatePair,
  { authorities, names, now }: {
    authorities: readonly string[];
    names: readonly string[];
    now: Date;
  },
): boolean {
  if (!isKeyOf(key, cert) || timeLeft(cert, now) <= 0) return false;
  const own = readCertificate(cert).names;
  return names.every((name) => own.includes(name)) &&
    authorities.some((authority) => isIssuedBy(cert, authority));
}

/** Milliseconds; 0 for what is no certificate. */
function timeLeft(cert: string, now: Date): number {
  try {
    return readCertificate(cert).notAfter.getTime() - now.getTime();
  } catch (error) {
    if (error instanceof SyntaxError) return 0;
    throw error;
  }
}

async function makeAuthority(now: Date): Promise<CertificatePair> {
  return await makeCertificate({
    commonName: AUTHORITY_NAME,
    notBefore: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(now.getTime() + AUTHORITY_MS),
  });
}

async function makeServing(
  issuer: CertificatePair,
  { names, now }: { names: readonly string[]; now: Date },
): Promise<CertificatePair> {
  return await makeCertificate({
    commonName: names[0] ?? "localhost",
    names,
    notBefore: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(now.getTime() + SERVING_MS),
    issuer,
  });
}
