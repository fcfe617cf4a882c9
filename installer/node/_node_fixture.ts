/**
 * A node in a temporary directory: its files are real, its containerd is a model that reads them as
 * containerd does.
 *
 * What the model knows is in files too, so that another process may go on with the node. What of
 * containerd it models was compared with 1.6.20, 1.7.24 and 2.1.9:
 *
 * - 1.x takes all settings of a plugin from the last file that has any, 2.x joins them;
 * - in 1.x a file with any runtime has no others, in 2.x `runc` stays;
 * - 1.6 takes relative patterns of imports from where it was started, which is `/`;
 * - 1.x shows the files that it read, 2.x what is written.
 *
 * @module
 */

import { dirname, join } from "node:path/posix";
import { parse, stringify, type TomlTable } from "smol-toml";
import { importPatterns, isImported } from "../containerd_config/imports.ts";
import { readFileVersion, runtimePlugin } from "../containerd_config/file_version.ts";
import { scanToml } from "../containerd_config/toml_items.ts";
import type { CommandResult, LoadedRuntimes, NodeHost } from "./host.ts";
import { HostFiles } from "./host_files.ts";

/** Kinds of node. */
export type FakeKind = "containerd" | "k3s" | "k0s" | "microk8s";

/** How a node behaves; kept in a file. */
export interface FakeSettings {
  readonly kind: FakeKind;
  readonly version: string;
  readonly hasSystemd: boolean;
  /** containerd does not start if its configuration has this text. */
  readonly refuses?: string;
  /** Restarts do not end. */
  readonly hangs?: boolean;
  /** containerd cannot tell what it makes of a configuration. */
  readonly cannotDump?: boolean;
  /** With what shims end when they are asked for their version. Default: 0. */
  readonly failingShim?: number;
  /** Restarts that have to fail. */
  readonly failingRestarts?: number;
}

const SETTINGS = "/run/fake/settings.json";
const LOADED = "/run/fake/loaded.json";
const RESTARTS = "/run/fake/restarts";
/** What K3s renders of its own. */
const K3S_BASE = "/run/fake/base.toml";
const K3S_DIRECTORY = "/var/lib/rancher/k3s/agent/etc/containerd";
const K0S_CRI = "/run/k0s/containerd-cri.toml";
const PID = 77;

const MAIN: Readonly<Record<FakeKind, string>> = {
  containerd: "/etc/containerd/config.toml",
  k3s: `${K3S_DIRECTORY}/config.toml`,
  k0s: "/etc/k0s/containerd.toml",
  microk8s: "/var/snap/microk8s/current/args/containerd-template.toml",
};
const UNITS: Readonly<Record<FakeKind, string>> = {
  containerd: "containerd.service",
  k3s: "k3s-agent.service",
  k0s: "k0sworker.service",
  microk8s: "snap.microk8s.daemon-containerd.service",
};

/** A node. Whoever made it removes it, by `await using`. */
export class FakeNode {
  readonly root: string;
  readonly files: HostFiles;
  /** Commands that were run. */
  readonly commands: string[] = [];
  #now = Date.UTC(2026, 0, 1);

  private constructor(root: string) {
    this.root = root;
    this.files = new HostFiles(root);
  }

  /** Makes a node whose containerd has read `config` and serves. @param config Undefined: no file. */
  static async create(
    { config, ...settings }: Partial<FakeSettings> & { readonly config?: string | undefined } = {},
  ): Promise<FakeNode> {
    const node = new FakeNode(await Deno.makeTempDir({ prefix: "fake-node-" }));
    const all = { kind: "containerd", version: "1.7.24", hasSystemd: true, ...settings } as const;
    await node.write(SETTINGS, JSON.stringify(all));
    await node.write("/usr/bin/containerd", "#!/bin/sh\n");
    await node.write("/run/dbus/system_bus_socket", "");
    await node.write(`/proc/${PID}/comm`, "containerd\n");
    await node.write("/proc/1/cmdline", all.kind === "k3s" ? "/bin/k3s\0agent\0" : "/sbin/init\0");
    if (config !== undefined) {
      await node.write(all.kind === "k3s" ? K3S_BASE : MAIN[all.kind], config);
    }
    await node.restart();
    await node.files.remove(RESTARTS);
    return node;
  }

  /** A node that another process made. */
  static open(root: string): FakeNode {
    return new FakeNode(root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }

  /** Writes a file of the node with all directories above it. */
  async write(path: string, text: string): Promise<void> {
    await Deno.mkdir(join(this.root, dirname(path)), { recursive: true });
    await Deno.writeTextFile(join(this.root, path), text);
  }

  async change(settings: Partial<FakeSettings>): Promise<void> {
    await this.write(SETTINGS, JSON.stringify({ ...await this.settings(), ...settings }));
  }

  async settings(): Promise<FakeSettings> {
    return JSON.parse(await this.files.readText(SETTINGS) ?? "");
  }

  /** How often containerd was restarted. */
  async restarts(): Promise<number> {
    return (await this.files.readText(RESTARTS) ?? "").length;
  }

  /** What containerd has loaded; undefined: it does not run. */
  async loaded(): Promise<LoadedRuntimes | undefined> {
    const text = await this.files.readText(LOADED);
    return text === undefined ? undefined : new Map(JSON.parse(text));
  }

  /** Every file below a directory with its text, to compare. */
  async snapshot(directory: string): Promise<Record<string, string>> {
    const found: Record<string, string> = {};
    for (const name of await this.files.list(directory)) {
      const path = join(directory, name);
      if (await this.files.kind(path) === "directory") {
        Object.assign(found, await this.snapshot(path));
      } else found[path] = await this.files.readText(path) ?? "";
    }
    return found;
  }

  /** The node as the installer sees it. Time passes only while it waits. */
  get host(): NodeHost {
    return {
      files: this.files,
      run: async (command) => {
        this.commands.push(command.join(" "));
        return await this.#run(command);
      },
      loadedRuntimes: () => this.loaded(),
      signal: async (pid) => {
        this.commands.push(`kill ${pid}`);
        await this.restart();
      },
      now: () => this.#now,
      sleep: (ms) => {
        this.#now += ms;
        return Promise.resolve();
      },
    };
  }

  async #run(command: readonly string[]): Promise<CommandResult> {
    const settings = await this.settings();
    const text = command.join(" ");
    if (text.startsWith("systemctl ")) {
      if (!settings.hasSystemd) return failure("System has not been booted with systemd");
      if (text.includes("list-units")) {
        return success(`ssh.service loaded active running SSH\n${UNITS[settings.kind]} loaded\n`);
      }
      if (!text.startsWith("systemctl restart")) return success("");
      if (settings.hangs) return { ...failure("it took longer"), code: 124 };
      return await this.restart() ? success("") : failure("Job for containerd.service failed");
    }
    if (text.startsWith("rc-service")) {
      return await this.restart() ? success("") : failure("containerd did not start");
    }
    if (command[1] === "-v") {
      return settings.failingShim === undefined
        ? success("")
        : { ...failure("it is broken"), code: settings.failingShim };
    }
    if (!text.includes("containerd")) return { ...failure("no such program"), code: 127 };
    if (text.endsWith("--version")) {
      return success(`containerd github.com/containerd/containerd v${settings.version} 0\n`);
    }
    if (settings.cannotDump) return failure("error while loading shared libraries");
    const path = text.endsWith("config default") ? "/nonexistent" : command.at(-3) ?? "";
    try {
      return success(stringify(await this.#read(path)));
    } catch (error) {
      return failure(`containerd: ${String(error)}`);
    }
  }

  /** Starts containerd anew. @returns Whether it runs then. */
  async restart(): Promise<boolean> {
    await this.write(RESTARTS, `${await this.files.readText(RESTARTS) ?? ""}.`);
    await this.files.remove(LOADED);
    const settings = await this.settings();
    if (settings.failingRestarts) {
      await this.change({ failingRestarts: settings.failingRestarts - 1 });
      return false;
    }
    await this.#render(settings.kind);
    const main = MAIN[settings.kind];
    const config = await this.#read(main);
    if (settings.refuses && JSON.stringify(config).includes(settings.refuses)) return false;
    const plugin = Object.values(config.plugins as TomlTable)[0] as TomlTable;
    const runtimes = (plugin.containerd as TomlTable).runtimes as Record<string, TomlTable>;
    const loaded = Object.entries(runtimes).map(([name, { runtime_type, options }]) =>
      [name, { runtimeType: runtime_type, options: options ?? {} }] as const
    );
    await this.write(LOADED, JSON.stringify(loaded));
    return true;
  }

  async #render(kind: FakeKind): Promise<void> {
    if (kind === "k3s") {
      const base = await this.files.readText(K3S_BASE) ?? "";
      const version = readFileVersion(base) ?? 2;
      const template = await this.files.readText(
        `${K3S_DIRECTORY}/config${version >= 3 ? "-v3" : ""}.toml.tmpl`,
      );
      const text = (template ?? '{{ template "base" . }}').replace('{{ template "base" . }}', base);
      await this.write(MAIN.k3s, text);
    }
    if (kind === "k0s") {
      let text = "version = 2\n";
      for (const name of await this.files.list("/etc/k0s/containerd.d")) {
        if (!name.endsWith(".toml")) continue;
        const part = await this.files.readText(`/etc/k0s/containerd.d/${name}`) ?? "";
        text += part.replace(/^version.*\n?/m, "");
      }
      await this.write(K0S_CRI, text);
    }
  }

  /** What containerd makes of a file: its root settings, and the CRI plugin under one name. */
  async #read(mainPath: string): Promise<TomlTable> {
    const { version: own } = await this.settings();
    const isTwo = !own.startsWith("1.");
    const is16 = own.startsWith("1.6.");
    const root: TomlTable = {};
    let cri: TomlTable = {};
    const waiting = [mainPath];
    const read: string[] = [];
    for (const path of waiting) {
      const text = await this.files.readText(path);
      if (text === undefined) continue;
      read.push(path);
      const { plugins, ...others } = parse(text);
      Object.assign(root, others);
      const version = readFileVersion(text) ?? 1;
      if (version > (isTwo ? 3 : 2)) throw new Error(`version ${version} is not supported`);
      // The other names are nothing that this version of a file has.
      const name = version === 1 ? "cri" : runtimePlugin(version, scanToml(text));
      const settings = (plugins as TomlTable | undefined)?.[name] as TomlTable | undefined;
      if (settings && !(isTwo && version === 1)) {
        cri = isTwo ? merge(cri, settings) : settings;
      }
      for (const pattern of importPatterns({ path: is16 ? "/" : path, text })) {
        const names = await this.files.list(dirname(pattern));
        waiting.push(
          ...names.map((one) => join(dirname(pattern), one))
            .filter((one) => isImported(pattern, one) && !waiting.includes(one)),
        );
      }
    }
    const defaults = { runc: { runtime_type: "io.containerd.runc.v2", options: {} } };
    const containerd = (cri.containerd ?? {}) as TomlTable;
    const runtimes = isTwo
      ? merge(defaults, (containerd.runtimes ?? {}) as TomlTable)
      : containerd.runtimes ?? defaults;
    root.imports = isTwo ? [] : read;
    return {
      ...root,
      version: isTwo ? 3 : 2,
      plugins: {
        [isTwo ? "io.containerd.cri.v1.runtime" : "io.containerd.grpc.v1.cri"]: {
          ...cri,
          containerd: { ...containerd, runtimes },
        },
      },
    };
  }
}

function merge(a: TomlTable, b: TomlTable): TomlTable {
  const result: TomlTable = { ...a };
  for (const [key, value] of Object.entries(b)) {
    const old = result[key];
    result[key] = isTable(old) && isTable(value) ? merge(old, value) : value;
  }
  return result;
}

function isTable(value: unknown): value is TomlTable {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function success(stdout: string): CommandResult {
  return { code: 0, stdout, stderr: "" };
}

function failure(stderr: string): CommandResult {
  return { code: 1, stdout: "", stderr };
}
