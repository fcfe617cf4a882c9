import assert from "node:assert/strict";
import type { FetchStrategy } from "../../crds/shim.ts";
import { isPinned, resolveArtifact, unameArch } from "./artifact.ts";

const ANON = { location: "https://example.com/any.tar.gz" };

function platform(os: string, arch: string, sha256?: string) {
  return {
    os,
    arch,
    location: `https://example.com/${arch}.tar.gz`,
    ...(sha256 ? { sha256 } : {}),
  };
}

Deno.test("unameArch() maps Go's names to those of the kernel", () => {
  const cases: [string, string][] = [
    ["amd64", "x86_64"],
    ["arm64", "aarch64"],
    ["arm", "armv7l"],
    ["riscv64", "riscv64"],
    ["toString", "toString"],
  ];
  for (const [go, uname] of cases) assert.equal(unameArch(go), uname);
});

Deno.test("resolveArtifact() chooses as runtime-class-manager does", () => {
  const both = [platform("linux", "aarch64"), platform("linux", "x86_64", "AB")];
  const cases: [FetchStrategy, os: string, arch: string, expected: unknown][] = [
    [{ platforms: [platform("linux", "amd64")] }, "linux", "amd64", "amd64"],
    [{ platforms: both }, "linux", "arm64", "aarch64"],
    [{ platforms: both }, "Linux", "AMD64", "x86_64"],
    [{ platforms: [platform("Linux", "X86_64")] }, "linux", "amd64", "X86_64"],
    [{ platforms: both, anonHttp: ANON }, "linux", "amd64", "x86_64"],
    [{ type: "anonymousHttp", anonHttp: ANON }, "linux", "s390x", "any"],
    [{ anonHttp: ANON, platforms: [] }, "linux", "amd64", "any"],
  ];
  for (const [strategy, os, arch, expected] of cases) {
    const found = resolveArtifact(strategy, { name: "n", os, arch });
    assert.equal(found.kind, "archive");
    assert.equal(
      found.kind === "archive" && found.location,
      `https://example.com/${expected}.tar.gz`,
    );
  }
  const found = resolveArtifact({ platforms: both }, { name: "n", os: "linux", arch: "amd64" });
  assert.equal(found.kind === "archive" && found.sha256, "ab");
});

Deno.test("resolveArtifact() takes the bundled shim if there is no source", () => {
  for (const strategy of [{}, { platforms: [] }, { anonHttp: null, platforms: null }]) {
    const found = resolveArtifact(strategy, { name: "n", os: "linux", arch: "amd64" });
    assert.deepEqual(found, { kind: "bundled" });
  }
});

Deno.test("resolveArtifact() does not fall back when no platform matches", () => {
  const strategy = { platforms: [platform("linux", "arm64")], anonHttp: ANON };
  for (const [os, arch] of [["linux", "amd64"], ["windows", "arm64"]] as const) {
    assert.throws(() => resolveArtifact(strategy, { name: "n7", os, arch }), {
      reason: "NoArtifact",
      message: `no platform artifact matches node n7 (${os}/${arch})`,
    });
  }
});

Deno.test("isPinned() wants a digest with every location", () => {
  const digest = "c".repeat(64);
  const cases: [FetchStrategy, boolean][] = [
    [{}, true],
    [{ anonHttp: ANON }, false],
    [{ anonHttp: { ...ANON, sha256: digest } }, true],
    [{ platforms: [platform("linux", "amd64", digest), platform("linux", "arm64")] }, false],
    [{ platforms: [platform("linux", "amd64", digest)], anonHttp: ANON }, true],
    [{ anonHttp: { location: `oci://example.com/shim@sha256:${digest}` } }, true],
    [{ anonHttp: { location: "oci://example.com/shim:v1" } }, false],
  ];
  for (const [strategy, expected] of cases) {
    assert.equal(isPinned(strategy), expected, JSON.stringify(strategy));
  }
});
