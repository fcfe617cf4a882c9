/**
 * Certificates (X.509) for servers of our own, made in this process: ECDSA on P-256 with SHA-256.
 *
 * Written out here because the packages that make certificates cost 120 ms and 22 MB in every
 * process that serves by HTTPS, for one fixed form.
 *
 * @module
 */

import {
  der,
  DER_TAGS,
  derBitString,
  derInteger,
  derObjectIdentifier,
  derSequence,
  derTime,
  readDer,
} from "./der.ts";
import { ipVersion, nodeCrypto } from "./node_builtins.ts";

/** A certificate and its private key (PKCS #8), both PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is made for. */
export interface CertificateInit {
  /** Common name of its owner. */
  readonly commonName: string;
  /** Host names and IP addresses that it serves. None: an authority, which signs others. */
  readonly names?: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Who signs it. Default: it signs itself. */
  readonly issuer?: CertificatePair;
}

/** What a certificate says, see {@link readCertificate}. */
export interface CertificateFacts {
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Host names and IP addresses. */
  readonly names: readonly string[];
}

type Bytes = Uint8Array<ArrayBuffer>;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;

const OIDS = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
} as const;

/** Bytes of a serial number, of which RFC 5280 allows 20. */
const SERIAL_BYTES = 16;

/** Milliseconds that clocks of other machines may be behind ours. */
const CLOCK_SKEW_MS = 60 * 60_000;

/**
 * Makes a certificate that no authority stands for, as servers use whose clients do not check it.
 * @param names Host names and IP addresses.
 * @param options.days How long it is valid. Default: 365.
 */
export async function makeSelfSignedCertificate(
  names: readonly [string, ...string[]],
  { days = 365, now = new Date() }: { days?: number; now?: Date } = {},
): Promise<CertificatePair> {
  return await makeCertificate({
    commonName: names[0],
    names,
    notBefore: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(now.getTime() + days * 86_400_000),
  });
}

/**
 * Makes a certificate with a new key.
 * @throws {SyntaxError} if the issuer's certificate or key is none.
 */
export async function makeCertificate(init: CertificateInit): Promise<CertificatePair> {
  const { privateKey, publicKey } = await crypto.subtle.generateKey(ALGORITHM, true, [
    "sign",
    "verify",
  ]);
  const ownName = encodeName(init.commonName);
  const ownKey = new Uint8Array(await crypto.subtle.exportKey("spki", publicKey));
  const issuer = init.issuer
    ? await readIssuer(init.issuer)
    : { name: ownName, publicKey: ownKey, privateKey };
  const algorithm = derSequence(derObjectIdentifier(OIDS.ecdsaWithSha256));
  const body = derSequence(
    der(0xa0, derInteger(new Uint8Array([2]))),
    derInteger(crypto.getRandomValues(new Uint8Array(SERIAL_BYTES))),
    algorithm,
    issuer.name,
    derSequence(derTime(init.notBefore), derTime(init.notAfter)),
    ownName,
    ownKey,
    der(
      0xa3,
      derSequence(
        ...usageExtensions(init.names),
        extension(
          OIDS.subjectKeyIdentifier,
          der(DER_TAGS.octetString, await keyIdentifier(ownKey)),
        ),
        extension(
          OIDS.authorityKeyIdentifier,
          derSequence(der(0x80, await keyIdentifier(issuer.publicKey))),
        ),
      ),
    ),
  );
  const signature = await crypto.subtle.sign(SIGNATURE, issuer.privateKey, body);
  return {
    cert: formatPem(
      "CERTIFICATE",
      derSequence(body, algorithm, derBitString(derSignature(new Uint8Array(signature)))),
    ),
    key: formatPem(
      "PRIVATE KEY",
      new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey)),
    ),
  };
}

/**
 * What a certificate (PEM) says; of several, the first.
 * @throws {SyntaxError} if it is none.
 */
export function readCertificate(cert: string): CertificateFacts {
  const { validFrom, validTo, subjectAltName = "" } = parseCertificate(cert);
  return {
    notBefore: new Date(validFrom),
    notAfter: new Date(validTo),
    names: subjectAltName.split(", ").flatMap((entry) =>
      /^(?:DNS|IP Address):(.+)$/.exec(entry)?.[1] ?? []
    ),
  };
}

/** Whether the first certificate of `cert` was signed by that of `issuer` (both PEM). */
export function isIssuedBy(cert: string, issuer: string): boolean {
  const [own, authority] = [parseCertificate(cert), parseCertificate(issuer)];
  return own.checkIssued(authority) && own.verify(authority.publicKey);
}

/** Whether a private key (PEM) is that of a certificate. False if one of them cannot be read. */
export function isKeyOf(key: string, cert: string): boolean {
  try {
    return parseCertificate(cert).checkPrivateKey(nodeCrypto().createPrivateKey(key));
  } catch {
    // Not a key or not a certificate: that is the answer.
    return false;
  }
}

/** The certificates of a PEM text, each on its own, in order. */
export function splitCertificates(pem: string): string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  return (found ?? []).map((text) => `${text}\n`);
}

function parseCertificate(pem: string): InstanceType<
  typeof import("node:crypto").X509Certificate
> {
  try {
    return new (nodeCrypto().X509Certificate)(pem);
  } catch (error) {
    throw new SyntaxError("Text is no certificate in PEM form", { cause: error });
  }
}

async function readIssuer(
  { cert, key }: CertificatePair,
): Promise<{ name: Bytes; publicKey: Bytes; privateKey: CryptoKey }> {
  // Certificate → its body → version, serial, algorithm, issuer, validity, subject, key.
  const body = readDer(readDer(parsePem(cert))[0]?.content ?? new Uint8Array())[0];
  const [, , , , , subject, publicKey] = readDer(body?.content ?? new Uint8Array());
  if (!subject || !publicKey) throw new SyntaxError("The issuer has no certificate in PEM form");
  return {
    name: subject.encoded,
    publicKey: publicKey.encoded,
    privateKey: await crypto.subtle.importKey("pkcs8", parsePem(key), ALGORITHM, false, ["sign"]),
  };
}

function encodeName(commonName: string): Bytes {
  const text = der(DER_TAGS.utf8String, new TextEncoder().encode(commonName));
  return derSequence(
    der(DER_TAGS.set, derSequence(derObjectIdentifier(OIDS.commonName), text)),
  );
}

function usageExtensions(names: readonly string[] | undefined): Bytes[] {
  const isTrue = der(DER_TAGS.boolean, new Uint8Array([0xff]));
  if (!names) {
    return [
      // Signs certificates of servers, not of further authorities.
      critical(OIDS.basicConstraints, derSequence(isTrue, derInteger(new Uint8Array([0])))),
      critical(OIDS.keyUsage, derBitString(new Uint8Array([0b0000_0110]), 1)),
    ];
  }
  return [
    critical(OIDS.basicConstraints, derSequence()),
    critical(OIDS.keyUsage, derBitString(new Uint8Array([0b1000_0000]), 7)),
    extension(OIDS.extendedKeyUsage, derSequence(derObjectIdentifier(OIDS.serverAuth))),
    extension(OIDS.subjectAltName, derSequence(...names.map(alternativeName))),
  ];
}

function alternativeName(name: string): Bytes {
  if (ipVersion(name) === 0) return der(0x82, new TextEncoder().encode(name));
  return der(0x87, addressBytes(name));
}

/** 4 or 16 bytes. */
function addressBytes(address: string): Bytes {
  if (ipVersion(address) === 4) return new Uint8Array(address.split(".").map(Number));
  // The URL parser writes the last 32 bits in hexadecimal too; what is left has one gap at most.
  const [head = "", tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split("::");
  const groups = (text: string) =>
    text === "" ? [] : text.split(":").map((hex) => parseInt(hex, 16));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const gap = Array<number>(8 - before.length - after.length).fill(0);
  return new Uint8Array(
    [...before, ...gap, ...after].flatMap((group) => [group >> 8, group & 0xff]),
  );
}

function extension(oid: string, value: Bytes): Bytes {
  return derSequence(derObjectIdentifier(oid), der(DER_TAGS.octetString, value));
}

function critical(oid: string, value: Bytes): Bytes {
  return derSequence(
    derObjectIdentifier(oid),
    der(DER_TAGS.boolean, new Uint8Array([0xff])),
    der(DER_TAGS.octetString, value),
  );
}

/** SHA-1 of the key's bits, which RFC 5280 (4.2.1.2) proposes; a name, no protection. */
async function keyIdentifier(publicKey: Bytes): Promise<Bytes> {
  const bits = readDer(readDer(publicKey)[0]!.content)[1]!.content.subarray(1);
  return new Uint8Array(await crypto.subtle.digest("SHA-1", bits));
}

/** WebCrypto gives both numbers one after the other, certificates have them as a sequence. */
function derSignature(raw: Uint8Array): Bytes {
  const half = raw.length / 2;
  return derSequence(derInteger(raw.subarray(0, half)), derInteger(raw.subarray(half)));
}

function formatPem(label: string, bytes: Bytes): string {
  const lines = bytes.toBase64().match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

function parsePem(text: string): Bytes {
  const body = /-----BEGIN [A-Z ]+-----([\s\S]*?)-----END [A-Z ]+-----/.exec(text)?.[1];
  if (body === undefined) throw new SyntaxError("Text is not in PEM form");
  return Uint8Array.fromBase64(body.trim());
}
