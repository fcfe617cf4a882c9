/**
 * The containerds that tests run: the one that is installed, and others that were only unpacked.
 *
 * @module
 */

import { isInstalled } from "./database_process.ts";

/** A line of containerd's versions: what it wants of shims differs between them. */
export type ContainerdLine = "1.6" | "1.7" | "2";

/** One containerd of this machine, or why there is none. */
export interface ContainerdVersion {
  readonly line: ContainerdLine;
  /** Directory of its programs. */
  readonly bin: string;
  /** Why tests cannot run it; undefined: they can. */
  readonly missing: string | undefined;
}

/**
 * Where `install_containerd.sh` of `tests/shim` unpacks Debian's other releases; a directory for each
 * line.
 */
export function unpackedDir(environment: (name: string) => string | undefined): string {
  const cache = environment("XDG_CACHE_HOME") ?? `${environment("HOME") ?? "/root"}/.cache`;
  return environment("SPINKUBE_TEST_CONTAINERDS") ?? `${cache}/spinkube-tests/containerd`;
}

const LINES: readonly ContainerdLine[] = ["1.6", "1.7", "2"];

/** Programs that the tests need beside containerd. */
const PROGRAMS = ["runc", "ip", "ctr"] as const;

/** The three lines. @param unpacked See {@link unpackedDir}. */
export function findContainerds(unpacked: string): ContainerdVersion[] {
  return LINES.map((line) => {
    const candidates = ["/usr/bin", `${unpacked}/${line}/usr/bin`];
    const bin = candidates.find((directory) => versionOf(directory)?.startsWith(`${line}.`));
    return {
      line,
      bin: bin ?? "",
      missing: bin === undefined
        ? `containerd ${line} is not there, see tests/shim/install_containerd.sh`
        : whyNot(),
    };
  });
}

function versionOf(directory: string): string | undefined {
  if (!isInstalled(`${directory}/containerd`)) return undefined;
  const { stdout } = new Deno.Command(`${directory}/containerd`, { args: ["--version"] })
    .outputSync();
  // "containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3"
  return / v?(\d+\.\d+\.\d+)/.exec(new TextDecoder().decode(stdout))?.[1];
}

/** `CAP_NET_ADMIN` and `CAP_SYS_ADMIN`, which root in a container often lacks. */
const NEEDED_CAPABILITIES = 1n << 12n | 1n << 21n;

function hasCapabilities(): boolean {
  const [, mask = "0"] = /^CapEff:\s+([0-9a-f]+)$/m
    .exec(Deno.readTextFileSync("/proc/self/status")) ?? [];
  return (BigInt(`0x${mask}`) & NEEDED_CAPABILITIES) === NEEDED_CAPABILITIES;
}

/** What else is missing for every line. */
function whyNot(): string | undefined {
  if (Deno.build.os !== "linux") return "it needs Linux";
  if (Deno.uid() !== 0) return "it needs root";
  if (!hasCapabilities()) return "it needs the right to mount and to make networks";
  const directories = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"];
  const absent: string[] = PROGRAMS.filter((name) =>
    !directories.some((directory) => isInstalled(`${directory}/${name}`))
  );
  if (!isInstalled("/usr/lib/cni/bridge")) absent.push("CNI's bridge");
  if (!isInstalled("/bin/busybox")) absent.push("a static busybox");
  return absent.length === 0 ? undefined : `${absent.join(", ")} not installed`;
}
