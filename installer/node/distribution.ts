/**
 * The distributions of Kubernetes: where each keeps containerd's configuration, and how to start it
 * anew. Paths, order of detection and units are those of runtime-class-manager.
 *
 * @module
 */

import { dirname } from "node:path/posix";
import type { HostFiles } from "./host_files.ts";
import { NodeError } from "./node_error.ts";
import { findProcesses, readCommand } from "./processes.ts";

/** What is known of a kind of node. */
export interface Distribution {
  readonly name: "containerd" | "k0s" | "k3s" | "microk8s" | "rke2";
  /** The file by which it is detected: what its containerd reads. */
  readonly configPath: string;
  /** `template`: the file is rendered from a template beside it; `drop-ins`: from a directory. */
  readonly form: "plain" | "template" | "drop-ins";
  /** Its service in systemd: a name, or a pattern for the names of running units. */
  readonly unit: string | RegExp;
  /** Its services in OpenRC; the first that exists is taken. */
  readonly openRcServices: readonly string[];
  /** Where its containerd serves, unless the configuration says something else. */
  readonly socket: string;
  /** Its containerd; a name is looked for in `PATH`. */
  readonly program: string;
  /** Whether its containerd hands options to shims. */
  readonly hasOptions: boolean;
}

const RANCHER = {
  form: "template",
  socket: "/run/k3s/containerd/containerd.sock",
  hasOptions: true,
} as const;

/** The order counts: the last one's file may exist beside that of any other. */
const DISTRIBUTIONS: readonly Distribution[] = [
  {
    name: "microk8s",
    configPath: "/var/snap/microk8s/current/args/containerd-template.toml",
    form: "plain",
    unit: "snap.microk8s.daemon-containerd",
    openRcServices: [],
    socket: "/var/snap/microk8s/common/run/containerd.sock",
    program: "/snap/microk8s/current/bin/containerd",
    // https://github.com/canonical/microk8s/issues/5093
    hasOptions: false,
  },
  {
    ...RANCHER,
    name: "rke2",
    configPath: "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
    unit: /^rke2-(?:agent|server)(?:-.*)?\.service$/,
    openRcServices: ["rke2-agent", "rke2-server"],
    program: "/var/lib/rancher/rke2/bin/containerd",
  },
  {
    ...RANCHER,
    name: "k3s",
    configPath: "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    unit: /^k3s(?:-.*)?\.service$/,
    openRcServices: ["k3s-agent", "k3s"],
    program: "/var/lib/rancher/k3s/data/current/bin/containerd",
  },
  {
    name: "k0s",
    configPath: "/etc/k0s/containerd.toml",
    form: "drop-ins",
    unit: /^k0s(?:worker|controller)\.service$/,
    openRcServices: ["k0sworker", "k0scontroller"],
    socket: "/run/k0s/containerd.sock",
    program: "/var/lib/k0s/bin/containerd",
    hasOptions: true,
  },
  {
    name: "containerd",
    configPath: "/etc/containerd/config.toml",
    form: "plain",
    unit: "containerd",
    openRcServices: ["containerd"],
    socket: "/run/containerd/containerd.sock",
    program: "containerd",
    hasOptions: true,
  },
];

const DEFAULT = DISTRIBUTIONS.at(-1)!;

/** A node's distribution. */
export interface Detected {
  readonly distribution: Distribution;
  /** The file that containerd reads. */
  readonly configPath: string;
  /** The path that was asked for is none that is known, so nothing else of the node is known. */
  readonly isAssumed: boolean;
}

/**
 * Detects a node's distribution.
 *
 * @param configPath The configuration as the user gave it; it wins over what is found. It may be the
 * template of K3s or RKE2 too.
 * @throws {NodeError} if there is no containerd that is known.
 */
export async function detectDistribution(
  files: HostFiles,
  configPath?: string,
): Promise<Detected> {
  if (configPath !== undefined) {
    const directory = dirname(configPath);
    const known = DISTRIBUTIONS.find((one) =>
      one.configPath === configPath ||
      (one.form === "template" && configPath.endsWith(".tmpl") &&
        dirname(one.configPath) === directory)
    );
    if (known) {
      return { distribution: known, configPath: known.configPath, isAssumed: false };
    }
    return { distribution: DEFAULT, configPath, isAssumed: true };
  }
  for (const distribution of DISTRIBUTIONS) {
    if (distribution === DEFAULT) {
      const running = await detectRunning(files);
      if (running) return running;
    }
    if (await files.exists(distribution.configPath)) {
      return { distribution, configPath: distribution.configPath, isAssumed: false };
    }
  }
  // containerd needs no configuration: it may run on its defaults.
  const programs = ["/usr/bin/containerd", "/usr/local/bin/containerd", "/usr/sbin/containerd"];
  for (const path of [DEFAULT.socket, ...programs]) {
    if (await files.exists(path)) {
      return { distribution: DEFAULT, configPath: DEFAULT.configPath, isAssumed: false };
    }
  }
  throw new NodeError(
    "UnsupportedNode",
    "failed to detect containerd config path: none of " +
      `${DISTRIBUTIONS.map(({ configPath }) => configPath).join(", ")} exists, and no containerd ` +
      "is installed. Give its configuration with --runtime-config.",
  );
}

/** What a running containerd was told to read; undefined: nothing. */
async function detectRunning(files: HostFiles): Promise<Detected | undefined> {
  for (const pid of await findProcesses(files, "containerd")) {
    const path = configOfCommand(await readCommand(files, pid));
    if (path === undefined || !await files.exists(path)) continue;
    // K3s and RKE2 may keep their data elsewhere.
    const [, name] = /\/(k3s|rke2)\b.*\/agent\/etc\/containerd\/config\.toml$/.exec(path) ?? [];
    const distribution = DISTRIBUTIONS.find((one) => one.name === name) ?? DEFAULT;
    return { distribution, configPath: path, isAssumed: false };
  }
  return undefined;
}

/** The configuration that a command line of containerd names. */
export function configOfCommand(words: readonly string[]): string | undefined {
  for (const [index, word] of words.entries()) {
    const [, value] = /^(?:--?config|-c)(?:=(.*))?$/s.exec(word) ?? [];
    if (/^(?:--?config|-c)(?:=|$)/.test(word)) return value ?? words[index + 1];
  }
  return undefined;
}
