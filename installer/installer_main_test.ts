import assert from "node:assert/strict";
import { join } from "node:path";
import { UsageError } from "../lib/errors.ts";
import { readConfigFile, withFileSettings } from "./config_file.ts";
import { createInstallerLog } from "./install_log.ts";
import { runInstaller } from "./installer_main.ts";
import { FakeNode } from "./node/_node_fixture.ts";

const CONFIG = `version = 2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`;
const SHIM = "/opt/rcm/bin/containerd-shim-spin-v2";

/** A node with a directory of assets. Whoever made it disposes it. */
async function createNode(settings: Parameters<typeof FakeNode.create>[0] = { config: CONFIG }) {
  const node = await FakeNode.create(settings);
  const assets = await Deno.makeTempDir();
  await Deno.writeTextFile(join(assets, "containerd-shim-spin-v2"), "#!/bin/sh\n");
  /** Runs a command line as a Job does. */
  async function run(line: string, environment: Readonly<Record<string, string>> = {}) {
    const printed: string[] = [];
    const logged: string[] = [];
    const all: Record<string, string> = { RCM_ASSET_PATH: assets, ...environment };
    const code = await runInstaller(line.split(" "), {
      environment: (name) => all[name],
      print: (text) => printed.push(text),
      writeLog: (text) => logged.push(text),
      createHost: ({ root }) => {
        assert.equal(root, "/mnt/node-root");
        return node.host;
      },
    });
    return { code, printed: printed.join("\n"), logged };
  }
  return {
    node,
    run,
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      await Deno.remove(assets, { recursive: true });
    },
  };
}

const ROOT = "-H /mnt/node-root";

Deno.test("installer install does what a Job of runtime-class-manager asks for", async () => {
  await using test = await createNode();
  const { node, run } = test;
  const environment = { HOST_ROOT: "/mnt/node-root", RUNTIME_OPTIONS: '{"SystemdCgroup":"true"}' };
  const first = await run(`install ${ROOT} -r spin-v2`, environment);
  assert.equal(first.code, 0, first.logged.join("\n"));
  assert.deepEqual((await node.loaded())?.get("spin-v2"), {
    runtimeType: SHIM,
    options: { SystemdCgroup: true },
  });
  const line = first.logged.find((text) => text.includes("shim installed")) ?? "";
  assert.match(
    line,
    /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d INFO shim installed shim=spin-v2 path=\/opt\/rcm\/bin\/containerd-shim-spin-v2 new-version=true$/,
  );
  const second = await run(`install ${ROOT} -r spin-v2`, environment);
  assert.equal(second.code, 0);
  assert.match(second.logged.at(-1) ?? "", / INFO nothing changed, nothing more to do$/);
  assert.equal(await node.restarts(), 1);

  const uninstall = await run(`uninstall ${ROOT} -r spin-v2`, environment);
  assert.equal(uninstall.code, 0);
  assert.equal(await node.files.readText("/etc/containerd/config.toml"), CONFIG);
  assert.equal((await run(`uninstall ${ROOT} -r spin-v2`)).code, 0);
});

Deno.test("installer install --no-aliases writes what runtime-class-manager writes", async () => {
  await using test = await createNode();
  await test.run(`install ${ROOT} --no-aliases`);
  assert.equal(
    await test.node.files.readText("/etc/containerd/config.toml"),
    `${CONFIG}
# RCM runtime config for spin-v2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.spin-v2]
runtime_type = "${SHIM}"
`,
  );
});

Deno.test("installer install --dry-run and --print-config change nothing", async () => {
  await using test = await createNode();
  const before = await test.node.snapshot("/");
  const dry = await test.run(`install ${ROOT} --dry-run --handler a,b`);
  assert.match(dry.printed, /^--- \/etc\/containerd\/config.toml\n/);
  assert.match(dry.printed, /^\+\[.*runtimes\.b\]$/m);
  const printed = await test.run(`install ${ROOT} --print-config`);
  assert.ok(printed.printed.startsWith(CONFIG) && printed.printed.includes("runtimes.spin-v2]"));
  assert.deepEqual(await test.node.snapshot("/"), before);
  await test.run(`install ${ROOT}`);
  assert.equal((await test.run(`install ${ROOT} --dry-run`)).printed, "Nothing would change.");
});

Deno.test("installer tells by its exit code what kind of failure it was", async () => {
  const cases: [Parameters<typeof FakeNode.create>[0], string, number, RegExp][] = [
    [{ config: 'disabled_plugins = ["cri"]\n' }, "install", 3, /disables containerd's CRI plugin/],
    [{ config: "[plugins.cri]\n", version: "2.1.9" }, "install", 4, /cannot be changed safely/],
    [{ config: CONFIG }, "install -a /nonexistent", 1, /nothing to install at "\/nonexistent"/],
    [{ config: CONFIG }, "install --runtime-option SystemdCgroup=cgroupfs", 1, /Text needs quotes/],
    [{ config: CONFIG }, "verify -r spin-v2", 4, /^$/],
  ];
  for (const [settings, command, code, message] of cases) {
    await using test = await createNode(settings);
    const result = await test.run(`${command} ${ROOT}`);
    assert.equal(result.code, code, command);
    if (message.source !== "^$") assert.match(result.logged.at(-1) ?? "", message);
  }
  await using test = await createNode();
  await test.node.change({ refuses: "spin-v2" });
  const refused = await test.run(`install ${ROOT}`);
  assert.equal(refused.code, 5);
  assert.match(refused.logged.at(-1) ?? "", /ERROR containerd does not run with the new config/);
});

Deno.test("installer install refuses options that are no JSON object of texts", async () => {
  await using test = await createNode();
  for (const text of ["{", "[]", '{"a":true}', '"a"']) {
    const { code, logged } = await test.run(`install ${ROOT}`, { RUNTIME_OPTIONS: text });
    assert.equal(code, 1);
    assert.ok(
      logged[0]?.includes(`failed to unmarshal runtime options JSON ${text}: `),
      logged.join("\n"),
    );
  }
  assert.equal((await test.run(`install ${ROOT}`, { RUNTIME_OPTIONS: "null" })).code, 0);
});

Deno.test("installer status, verify and doctor tell what is there and what is wrong", async () => {
  await using test = await createNode();
  const { node, run } = test;
  assert.match((await run(`status ${ROOT}`)).printed, /^shims {10}none$/m);
  await run(`install ${ROOT}`);
  assert.match(
    (await run(`status ${ROOT}`)).printed,
    /^shim {11}spin-v2: \/opt\/rcm\/bin\/containerd-shim-spin-v2 as spin-v2, spin$/m,
  );
  const report = JSON.parse((await run(`status ${ROOT} --json`)).printed);
  assert.deepEqual(report.handlers, ["runc", "spin", "spin-v2"]);
  assert.equal((await run(`verify ${ROOT} -r spin-v2 --handler spin`)).code, 0);
  assert.equal((await run(`verify ${ROOT} -r spin-v2 --handler other`)).code, 4);
  assert.equal((await run(`verify ${ROOT} -r spin-v2 --sha256 00`)).code, 4);
  assert.equal((await run(`doctor ${ROOT}`)).code, 0);

  await node.write(SHIM, "#!/bin/sh\n# changed\n");
  const changed = await run(`verify ${ROOT}`);
  assert.deepEqual([changed.code, /is not what was installed/.test(changed.printed)], [4, true]);

  await node.files.remove(SHIM);
  await node.write("/etc/containerd/config.toml", CONFIG);
  await node.restart();
  const doctor = await run(`doctor ${ROOT}`);
  assert.equal(doctor.code, 1);
  for (
    const text of ["is gone: install it again", 'no runtime "spin" with', 'no runtime "spin-v2"']
  ) {
    assert.ok(doctor.printed.includes(text), text);
  }
});

Deno.test("installer uninstall --all removes everything", async () => {
  await using test = await createNode();
  await test.run(`install ${ROOT}`);
  const { code, printed } = await test.run(`uninstall ${ROOT} --all --json`);
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(printed).handlers.sort(), ["spin", "spin-v2"]);
  assert.equal(await test.node.files.exists(SHIM), false);
});

Deno.test("installer refuses command lines that are none", async () => {
  await using test = await createNode();
  for (
    const line of [
      "instal",
      `uninstall ${ROOT}`,
      `uninstall ${ROOT} --all -r spin-v2`,
      `install ${ROOT} --platform windows/amd64`,
      `install ${ROOT} --timeout soon`,
      "install -H relative",
      "fetch --source https://example.com/a.tar.gz",
    ]
  ) await assert.rejects(test.run(line), UsageError, line);
  assert.equal((await test.run("--help")).code, 0);
  assert.match((await test.run("help install")).printed, /RCM_RUNTIME_CONFIG/);
});

Deno.test("installer install writes files below another root without restarting anything", async () => {
  const root = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(root, "etc/containerd"), { recursive: true });
    await Deno.writeTextFile(join(root, "etc/containerd/config.toml"), CONFIG);
    await Deno.writeTextFile(join(root, "containerd-shim-spin-v2"), "#!/bin/sh\n");
    const code = await runInstaller(
      ["install", "-H", root, "-a", join(root, "containerd-shim-spin-v2"), "--no-restart"],
      {
        environment: () => undefined,
        print: () => {},
        writeLog: () => {},
      },
    );
    assert.equal(code, 0);
    const text = await Deno.readTextFile(join(root, "etc/containerd/config.toml"));
    assert.ok(text.includes("# RCM runtime config for spin-v2"));
    assert.equal((await Deno.stat(join(root, SHIM))).mode! & 0o777, 0o755);
    // There is no containerd to restart: that is refused before anything is changed.
    const uninstall = ["uninstall", "-H", root, "-r", "spin-v2"];
    const logged: string[] = [];
    const refused = await runInstaller(uninstall, {
      environment: () => undefined,
      print: () => {},
      writeLog: (line) => logged.push(line),
    });
    assert.equal(refused, 3);
    assert.match(
      logged.at(-1) ?? "",
      /cannot be restarted, so nothing was changed: need exactly one containerd/,
    );
    assert.equal(await Deno.readTextFile(join(root, "etc/containerd/config.toml")), text);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("installer fetch copies a shim that is at hand", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const source = join(directory, "source");
    await Deno.mkdir(join(source, "lib"), { recursive: true });
    await Deno.writeTextFile(join(source, "containerd-shim-spin-v2"), "#!/bin/sh\n", {
      mode: 0o755,
    });
    await Deno.writeTextFile(join(source, "VERSION"), '{"version":"1.2.3"}\n');
    await Deno.symlink("../VERSION", join(source, "lib/link"));
    const logged: string[] = [];
    const args = ["fetch", "--source", source, "-a", join(directory, "assets")];
    for (let round = 0; round < 2; round++) {
      const code = await runInstaller(args, {
        environment: () => undefined,
        print: () => {},
        writeLog: (line) => logged.push(line),
      });
      assert.equal(code, 0);
    }
    assert.match(logged[0] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\tINFO\tthe shim is at /);
    const copy = join(directory, "assets/containerd-shim-spin-v2");
    assert.equal((await Deno.stat(join(copy, "containerd-shim-spin-v2"))).mode! & 0o777, 0o755);
    assert.equal(await Deno.readLink(join(copy, "lib/link")), "../VERSION");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("createInstallerLog() quotes as Go does, and writes JSON", () => {
  const lines: string[] = [];
  const options = { write: (line: string) => lines.push(line), now: () => new Date(0) };
  createInstallerLog({ format: "slog", ...options }).warn("a b", {
    c: "d e",
    f: "",
    g: 1,
    h: undefined,
  });
  createInstallerLog({ format: "json", ...options }).error("a", { b: "c" });
  assert.deepEqual(lines, [
    '1970/01/01 00:00:00 WARN a b c="d e" f="" g=1',
    '{"time":"1970-01-01T00:00:00.000Z","level":"error","msg":"a","b":"c"}',
  ]);
});

Deno.test("readConfigFile() takes the first file, and the environment wins over it", async () => {
  const directory = await Deno.makeTempDir();
  try {
    assert.equal((await readConfigFile([directory])).size, 0);
    await Deno.writeTextFile(join(directory, "rcm.toml"), 'rcm_path = "/toml"\n');
    await Deno.writeTextFile(join(directory, "rcm.yaml"), "rcm_path: /yaml\nhost_root: /host\n");
    const settings = await readConfigFile(["/nonexistent", directory]);
    const lookUp = withFileSettings((name) => name === "RCM_HOST_ROOT" ? "/env" : "", settings);
    assert.equal(lookUp("RCM_RCM_PATH"), "/yaml");
    assert.equal(lookUp("RCM_HOST_ROOT"), "/env");
    assert.equal(lookUp("HOST_ROOT"), undefined);
    await Deno.writeTextFile(join(directory, "rcm.yaml"), "a: [");
    await assert.rejects(readConfigFile([directory]), /rcm.yaml" cannot be read/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
