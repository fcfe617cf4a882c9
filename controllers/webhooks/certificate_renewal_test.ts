import assert from "node:assert/strict";
import {
  isIssuedBy,
  isKeyOf,
  makeSelfSignedCertificate,
  readCertificate,
  splitCertificates,
} from "../../lib/certificates.ts";
import { isSettled, renewCertificates, type SharedCertificates } from "./certificate_renewal.ts";

const DAY = 86_400_000;
const NAMES = ["webhook.spin.svc", "webhook"];
const START = new Date("2026-01-01T00:00:00Z");

function after(days: number): Date {
  return new Date(START.getTime() + days * DAY);
}

async function renew(
  known: SharedCertificates | undefined,
  options: { now?: Date; isTrusted?: boolean; names?: string[] } = {},
): Promise<SharedCertificates> {
  const { now = START, isTrusted = true, names = NAMES } = options;
  const renewed = await renewCertificates(known, { names, now, isTrusted: () => isTrusted });
  // Whatever happens, the server can be run, and is trusted by those who trust the authorities.
  const authorities = splitCertificates(renewed.authorities);
  assert.ok(isKeyOf(renewed.serving.key, renewed.serving.cert));
  assert.ok(isKeyOf(renewed.authorityKey, authorities.at(-1)!));
  assert.ok(authorities.some((authority) => isIssuedBy(renewed.serving.cert, authority)));
  assert.ok(readCertificate(renewed.serving.cert).notAfter > now);
  return renewed;
}

Deno.test("renewCertificates() makes an authority for ten years and a certificate for one", async () => {
  const made = await renew(undefined, { isTrusted: false });
  assert.deepEqual(readCertificate(made.serving.cert).names, NAMES);
  assert.equal(readCertificate(made.serving.cert).notAfter.toISOString(), after(365).toISOString());
  assert.equal(readCertificate(made.authorities).notAfter.toISOString(), after(3650).toISOString());
  assert.equal(isSettled(made, START), true);
});

Deno.test("renewCertificates() leaves alone what is good", async () => {
  const made = await renew(undefined);
  assert.equal(await renew(made), made);
  assert.equal(await renew(made, { now: after(240) }), made);
});

Deno.test("renewCertificates() replaces a certificate four months before its end", async () => {
  const made = await renew(undefined);
  assert.equal(isSettled(made, after(250)), false);
  const renewed = await renew(made, { now: after(250) });
  assert.equal(renewed.authorities, made.authorities);
  assert.notEqual(renewed.serving.cert, made.serving.cert);
  assert.equal(
    readCertificate(renewed.serving.cert).notAfter.toISOString(),
    after(615).toISOString(),
  );
});

Deno.test("renewCertificates() replaces what cannot be served with at once", async () => {
  const made = await renew(undefined);
  const stranger = await makeSelfSignedCertificate([NAMES[0]!]);
  const cases: [string, SharedCertificates, { now?: Date; names?: string[] }][] = [
    ["ended", made, { now: after(366) }],
    ["another name", made, { names: ["other.spin.svc"] }],
    ["another key", { ...made, serving: { ...made.serving, key: stranger.key } }, {}],
    ["another issuer", { ...made, serving: stranger }, {}],
    ["nonsense", { ...made, serving: { cert: "x", key: "y" } }, {}],
  ];
  for (const [what, known, options] of cases) {
    const renewed = await renew(known, { ...options, isTrusted: false });
    assert.notEqual(renewed.serving.cert, known.serving.cert, what);
    assert.equal(renewed.authorities, made.authorities, what);
  }
});

Deno.test("renewCertificates() changes authorities without a moment of distrust", async () => {
  const early = after(8 * 365 + 1);
  const made = await renew(undefined);
  const current = await renew(made, { now: after(8 * 365 - 100) });
  // The next authority is made known. It does not sign yet.
  const announced = await renew(current, { now: early });
  assert.equal(announced.serving.cert, current.serving.cert);
  assert.deepEqual(splitCertificates(announced.authorities).slice(0, 1), [made.authorities]);
  assert.equal(splitCertificates(announced.authorities).length, 2);
  assert.equal(isSettled(announced, early), false);
  // Nothing happens before it is trusted.
  assert.equal(await renew(announced, { now: early, isTrusted: false }), announced);
  const changed = await renew(announced, { now: early });
  assert.equal(changed.authorities, announced.authorities);
  assert.ok(isIssuedBy(changed.serving.cert, splitCertificates(changed.authorities)[1]!));
  assert.equal(isSettled(changed, early), true);
  // The one before is forgotten when it has ended.
  const last = await renew(changed, { now: after(3651) });
  assert.equal(splitCertificates(last.authorities).length, 1);
});

Deno.test("renewCertificates() replaces an authority whose key is lost", async () => {
  const made = await renew(undefined);
  const renewed = await renew({ ...made, authorityKey: "" });
  assert.equal(renewed.serving.cert, made.serving.cert);
  assert.equal(splitCertificates(renewed.authorities).length, 2);
  const empty = await renew({ serving: { cert: "", key: "" }, authorities: "", authorityKey: "" });
  assert.equal(splitCertificates(empty.authorities).length, 1);
});
