import assert from "node:assert/strict";
import { join } from "node:path";
import { HostFiles } from "./host_files.ts";
import { checkProgram } from "./program_check.ts";

/** The beginning of a program for a machine, with a loader or without. */
function elf(machine: number, loader = ""): Uint8Array {
  const bytes = new Uint8Array(64 + 56 + loader.length + 1);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const view = new DataView(bytes.buffer);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, loader === "" ? 0 : 1, true);
  view.setUint32(64, 3, true);
  view.setBigUint64(64 + 8, 120n, true);
  view.setBigUint64(64 + 32, BigInt(loader.length + 1), true);
  bytes.set(new TextEncoder().encode(loader), 120);
  return bytes;
}

const X86 = 62;
const LOADER = "/lib64/ld-linux-x86-64.so.2";
const cases: readonly [string, Uint8Array, RegExp | undefined][] = [
  ["a static program", elf(X86), undefined],
  ["a program whose loader is there", elf(X86, "/lib/ld.so"), undefined],
  [
    "a program whose loader is missing",
    elf(X86, LOADER),
    /needs the loader "\/lib64\/ld-linux-x86-64.so.2"/,
  ],
  ["a program for another machine", elf(183), /is for arm64, and the node is x86-64/],
  ["a program for an odd machine", elf(243), /is for machine 243/],
  ["a program that is cut off", elf(X86, LOADER).subarray(0, 30), /is for machine 0/],
  ["a script", new TextEncoder().encode("#!/bin/sh\n"), undefined],
  ["a page", new TextEncoder().encode("\n<!DOCTYPE html>"), /web page/],
  ["an archive", Uint8Array.of(0x1f, 0x8b, 8), /archive/],
  ["nothing", new Uint8Array(), /empty/],
];
for (const [name, bytes, expected] of cases) {
  Deno.test(`checkProgram() judges ${name}`, async () => {
    const root = await Deno.makeTempDir();
    try {
      await Deno.mkdir(join(root, "lib"));
      await Deno.writeTextFile(join(root, "lib/ld.so"), "");
      await Deno.writeFile(join(root, "program"), bytes);
      const files = new HostFiles(root);
      const problem = await checkProgram(join(root, "program"), { files, arch: "x86_64" });
      if (expected) assert.match(problem?.message ?? "", expected);
      else assert.equal(problem, undefined);
      assert.equal(problem?.isNodes ?? false, name.includes("loader is missing"));
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}
