import assert from "node:assert/strict";
import { type CertificatePair, makeSelfSignedCertificate } from "../../lib/certificates.ts";
import { followCertificateFiles, readCertificateFiles } from "./certificate_files.ts";

async function write(directory: string, { cert, key }: Partial<CertificatePair>): Promise<void> {
  if (cert !== undefined) await Deno.writeTextFile(`${directory}/tls.crt`, cert);
  if (key !== undefined) await Deno.writeTextFile(`${directory}/tls.key`, key);
}

async function until(isTrue: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!isTrue()) {
    assert.ok(performance.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

Deno.test("readCertificateFiles() wants both files", async () => {
  const directory = await Deno.makeTempDir();
  try {
    assert.equal(await readCertificateFiles(`${directory}/none`), undefined);
    await write(directory, { cert: "c" });
    assert.equal(await readCertificateFiles(directory), undefined);
    assert.equal(await readCertificateFiles(`${directory}/tls.crt`), undefined);
    await write(directory, { key: "k" });
    assert.deepEqual(await readCertificateFiles(directory), { cert: "c", key: "k" });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("followCertificateFiles() takes new files when both are there", async () => {
  const directory = await Deno.makeTempDir();
  const stop = new AbortController();
  const seen: CertificatePair[] = [];
  const troubles: string[] = [];
  const [first, second] = await Promise.all([1, 2].map(() => makeSelfSignedCertificate(["a"])));
  await write(directory, first!);
  const following = followCertificateFiles(directory, {
    current: first!,
    intervalMs: 2,
    signal: stop.signal,
    onChange: (pair) => seen.push(pair),
    onTrouble: (problem) => troubles.push(problem),
  });
  try {
    await write(directory, { cert: second!.cert });
    await until(() => troubles.length === 1, "a certificate without its key");
    assert.deepEqual(seen, []);
    await write(directory, { key: second!.key });
    await until(() => seen.length === 1, "the new certificate");
    assert.deepEqual(seen, [second]);
    await Deno.remove(`${directory}/tls.key`);
    await until(() => troubles.length === 2, "a missing key");
    assert.deepEqual(troubles, [
      "tls.key is not the key of tls.crt",
      "tls.crt or tls.key is gone",
    ]);
  } finally {
    stop.abort();
    await following;
    await Deno.remove(directory, { recursive: true });
  }
});
