import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { digestOf } from "../../lib/oci/blob.ts";
import { buildAnswerer, buildAsker } from "../support/composed_guests.ts";
import { hasRegistryServer, REGISTRY_LOGIN, RegistryServer } from "../support/registry_server.ts";
import { type Outcome, runProgram, SAMPLE, startProgram } from "./_program.ts";

const ignore = !hasRegistryServer();

/** A home of its own, so that logins and caches of this machine play no part. */
interface Home extends AsyncDisposable {
  readonly directory: string;
  run(...args: string[]): Promise<Outcome>;
  readonly env: Readonly<Record<string, string>>;
}

async function createHome(): Promise<Home> {
  const directory = await Deno.realPath(await Deno.makeTempDir({ prefix: "spinkube-home-" }));
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/root", ".cache");
  const env = {
    // Where Deno itself keeps packages; or it would fetch them again.
    DENO_DIR: Deno.env.get("DENO_DIR") ?? join(cache, "deno"),
    HOME: directory,
    XDG_CONFIG_HOME: join(directory, "config"),
    XDG_CACHE_HOME: join(directory, "cache"),
    DOCKER_CONFIG: join(directory, "docker"),
  };
  return {
    directory,
    env,
    run: (...args) => runProgram(args, { env }),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

/** An app with files, some of them small. */
const SITE: Readonly<Record<string, string>> = {
  "spin.toml": `spin_manifest_version = 2
[application]
name = "site"
version = "1.0.0"
[[trigger.http]]
route = "/..."
component = "site"
[component.site]
source = "site.wasm"
files = [{ source = "static", destination = "/" }]
`,
  "static/small.txt": "small",
  "static/sub/large.txt": "large ".repeat(100),
};

async function writeSite(home: Home): Promise<string> {
  const directory = join(home.directory, "site");
  for (const [name, text] of Object.entries(SITE)) {
    await Deno.mkdir(dirname(join(directory, name)), { recursive: true });
    await Deno.writeTextFile(join(directory, name), text);
  }
  await Deno.copyFile(join(SAMPLE, "hello.wasm"), join(directory, "site.wasm"));
  return directory;
}

Deno.test({
  name: "registry push makes an image as Spin does, and pushes it to a second repository",
  ignore,
  fn: async () => {
    await using registry = await RegistryServer.start();
    await using home = await createHome();
    const site = await writeSite(home);
    const reference = `${registry.host}/org/site:v1`;
    const pushed = await home.run("registry", "push", "-k", "-f", site, reference);
    assert.equal(pushed.stderr, "");
    const { text, type } = await registry.manifest("org/site", "v1");
    const digest = digestOf(new TextEncoder().encode(text));
    assert.equal(pushed.stdout, `Pushed with digest ${digest}\n`);
    assert.equal(type, "application/vnd.oci.image.manifest.v1+json");
    const manifest = JSON.parse(text);
    assert.equal(JSON.stringify(manifest), text);
    assert.deepEqual(Object.keys(manifest), ["annotations", "config", "layers", "schemaVersion"]);
    assert.equal(manifest.annotations["org.opencontainers.image.title"], "site");
    assert.equal(manifest.layers.length, 3);
    const app = JSON.parse(await registry.blob("org/site", manifest.layers[2].digest));
    assert.deepEqual(app.components[0].files.map(({ path }: { path: string }) => path), [
      "small.txt",
      "sub/large.txt",
    ]);
    const again = await home.run(
      ...["registry", "push", "-k", "-f", site, "--output", "json"],
      ...["--annotation", "a=b", `${registry.host}/other/site`],
    );
    const result = JSON.parse(again.stdout);
    assert.equal(result.reference, `${registry.host}/other/site`);
    assert.deepEqual(await registry.repositories(), ["org/site", "other/site"]);
    const other = JSON.parse((await registry.manifest("other/site", "latest")).text);
    assert.deepEqual(other.layers, manifest.layers);
    assert.equal(other.annotations.a, "b");
  },
});

for (const packing of ["files", "archives"]) {
  Deno.test({
    name: `up serves an app that was pushed as ${packing}, from a bare reference`,
    ignore,
    fn: async () => {
      await using home = await createHome();
      const site = await writeSite(home);
      const env = packing === "archives" ? { SPIN_OCI_ARCHIVE_LAYERS: "" } : {};
      await using registry = await RegistryServer.start();
      const reference = `${registry.host}/org/site:v1`;
      const pushed = await runProgram(["registry", "push", "-k", "-f", site, reference], {
        env: { ...home.env, ...env },
      });
      assert.equal(pushed.code, 0, pushed.stderr);
      const types = JSON.parse((await registry.manifest("org/site", "v1")).text).layers
        .map(({ mediaType }: { mediaType: string }) => mediaType.split(".").at(-1));
      assert.deepEqual(types, [
        "v1+wasm",
        packing === "files" ? "v1+data" : "tar+gzip",
        "v1+config",
      ]);
      const temp = join(home.directory, "temp");
      await using program = startProgram(
        [
          ...["up", "-k", "-f", reference, "--temp", temp, "--format", "json"],
          ...["--listen", "127.0.0.1:0"],
        ],
        { env: home.env, cwd: home.directory },
      );
      const { base_url: url } = await program.listing();
      const answer = await fetch(url);
      assert.equal(answer.status, 200);
      assert.match(await answer.text(), /<!doctype html>/);
      assert.equal(
        await Deno.readTextFile(join(temp, "assets/site/sub/large.txt")),
        SITE["static/sub/large.txt"],
      );
      assert.equal(await Deno.readTextFile(join(temp, "assets/site/small.txt")), "small");
      program.kill("SIGINT");
      assert.equal((await program.outcome()).code, 130);
    },
  });
}

/** An app of one component that asks another one what to answer. */
async function writeAsker(home: Home): Promise<string> {
  const directory = join(home.directory, "asker");
  await Deno.mkdir(directory);
  await Deno.writeFile(join(directory, "asker.wasm"), await buildAsker());
  await Deno.writeFile(join(directory, "answerer.wasm"), await buildAnswerer());
  const dependencies = 'dependencies."test:dep" = { path = "answerer.wasm" }';
  await Deno.writeTextFile(
    join(directory, "spin.toml"),
    `spin_manifest_version = 2\n[application]\nname = "asker"\n[[trigger.http]]\nroute = "/..."\n` +
      `component = "asker"\n[component.asker]\nsource = "asker.wasm"\n${dependencies}\n`,
  );
  return directory;
}

/** How dependencies are pushed → the layers of Wasm. */
const COMPOSITIONS: readonly (readonly [args: readonly string[], layers: number])[] = [
  [[], 1],
  [["--compose"], 1],
  [["--compose=false"], 2],
  [["--compose", "false"], 2],
];

Deno.test({
  name: "registry push composes components unless it is told not to; up serves both",
  ignore,
  fn: async (t) => {
    await using registry = await RegistryServer.start();
    await using home = await createHome();
    const app = await writeAsker(home);
    for (const [index, [args, layers]] of COMPOSITIONS.entries()) {
      await t.step(args.join(" ") || "without options", async () => {
        const reference = `${registry.host}/org/asker:v${index}`;
        const pushed = await home.run("registry", "push", ...args, "-k", "-f", app, reference);
        assert.equal(pushed.code, 0, pushed.stderr);
        assert.equal(pushed.stderr, "");
        const manifest = JSON.parse((await registry.manifest("org/asker", `v${index}`)).text);
        assert.deepEqual(
          manifest.layers.map(({ mediaType }: { mediaType: string }) => mediaType),
          [
            ...Array<string>(layers).fill("application/vnd.wasm.content.layer.v1+wasm"),
            "application/vnd.fermyon.spin.application.v1+config",
          ],
        );
        const locked = JSON.parse(await registry.blob("org/asker", manifest.layers.at(-1).digest));
        assert.equal("dependencies" in locked.components[0], layers > 1);
        await using program = startProgram(
          [
            ...["up", "-k", "--from-registry", reference, "--listen", "127.0.0.1:0"],
            ...["--format", "json"],
          ],
          { env: home.env, cwd: home.directory },
        );
        const { base_url: url } = await program.listing();
        assert.equal(await (await fetch(`${url}/resource`)).text(), "5");
      });
    }
  },
});

Deno.test({
  name: "registry pull puts the app where Spin's cache has it",
  ignore,
  fn: async () => {
    await using registry = await RegistryServer.start();
    await using home = await createHome();
    const reference = `${registry.host}/org/site:v1`;
    await home.run("registry", "push", "-k", "-f", await writeSite(home), reference);
    const pulled = await home.run(
      "registry",
      "pull",
      "-k",
      reference,
      "--cache-dir",
      home.directory,
    );
    assert.equal(pulled.stdout, "Successfully pulled the app from the registry\n");
    const root = join(home.directory, "registry");
    const record = join(root, "manifests", registry.host, "org/site/v1");
    const manifest = JSON.parse(await Deno.readTextFile(join(record, "manifest.json")));
    assert.equal(
      JSON.parse(await Deno.readTextFile(join(record, "config.json"))).metadata.name,
      "site",
    );
    for (const [folder, layer] of [["wasm", manifest.layers[0]], ["data", manifest.layers[1]]]) {
      const path = join(root, folder, layer.digest);
      assert.equal(digestOf(await Deno.readFile(path)), layer.digest);
      // Somebody spoils the cache: the next one who needs it is told, the one after gets it again.
      await Deno.writeFile(path, new Uint8Array(layer.size));
      const up = ["up", "-k", "-f", reference, "--cache-dir", home.directory];
      const told = await home.run(...up, "--temp", join(home.directory, folder));
      assert.match(told.stderr, /of the cache was damaged, and has been removed\. Try again/);
      assert.equal(
        (await home.run("registry", "pull", "-k", reference, "--cache-dir", home.directory)).code,
        0,
      );
      assert.equal(digestOf(await Deno.readFile(path)), layer.digest);
    }
  },
});

Deno.test({
  name: "registry login is tried, stored and used",
  ignore,
  fn: async () => {
    await using registry = await RegistryServer.start({ wantsLogin: true });
    await using home = await createHome();
    const { username, password } = REGISTRY_LOGIN;
    const push = ["registry", "push", "-k", "-f", SAMPLE, `${registry.host}/a/b:1`];
    const refused = await home.run(...push);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /wants a user and a password.*`spinkube registry login 127/);
    const wrong = await home.run(
      "registry",
      "login",
      "-k",
      registry.host,
      "-u",
      username,
      "-p",
      "no",
    );
    assert.equal(wrong.code, 1);
    assert.equal(
      wrong.stderr,
      `Error: cannot log in to the registry: cannot authenticate as ann to registry ` +
        `${registry.host}: the user or the password is wrong\n`,
    );
    const right = await home.run(
      ...["registry", "login", "-k", `http://${registry.host}`, "-u", username, "-p", password],
    );
    assert.equal(
      right.stdout,
      `Successfully logged in as ann to registry http://${registry.host}\n`,
    );
    const file = join(home.directory, "config/fermyon/registry-auth.json");
    assert.deepEqual(JSON.parse(await Deno.readTextFile(file)), {
      auths: { [registry.host]: btoa(`${username}:${password}`) },
    });
    assert.equal((await home.run(...push)).code, 0);
    const nobody = await home.run("registry", "login", "-k", registry.host);
    assert.equal(nobody.stderr, "Error: There is no terminal to ask at; give --username\n");
  },
});

/** Wrong in a way that has to be told well. */
const FAILURES: readonly {
  readonly name: string;
  readonly args: (host: string) => readonly string[];
  readonly code: number;
  readonly stderr: RegExp;
}[] = [
  {
    name: "a registry without TLS",
    args: (host) => ["push", "-f", SAMPLE, `${host}/a/b:1`],
    code: 1,
    stderr: /^Error: Cannot push to "a\/b" at .*: it does not speak TLS.*--insecure\n$/,
  },
  {
    name: "a registry that is not there",
    args: () => ["push", "-k", "-f", SAMPLE, "127.0.0.1:3/a/b:1"],
    code: 1,
    stderr: /: nothing listens there\. Check host and port\n$/,
  },
  {
    name: "an image that is not there",
    args: (host) => ["pull", "-k", `${host}/a/none:1`],
    code: 1,
    stderr: /^Error: Cannot pull the manifest of "a\/none:1" at .*: it does not exist/,
  },
  {
    name: "something that is no reference",
    args: () => ["push", "-f", SAMPLE, "Not A Name"],
    code: 2,
    stderr: /^Error: cannot parse reference Not A Name: /,
  },
  {
    name: "a push to a digest",
    args: (host) => ["push", "-f", SAMPLE, `${host}/a/b@sha256:${"0".repeat(64)}`],
    code: 1,
    stderr: /Give a tag instead\n$/,
  },
  {
    name: "no reference",
    args: () => ["push"],
    code: 2,
    stderr: /^Error: The reference is missing\nSee "spinkube registry push --help"\.\n$/,
  },
  {
    name: "two references",
    args: () => ["pull", "a", "b"],
    code: 2,
    stderr: /^Error: Unexpected argument "b"\n/,
  },
  {
    name: "an unknown command",
    args: () => ["psuh"],
    code: 2,
    stderr: /Did you mean "spinkube registry push"\?\n$/,
  },
];

Deno.test({
  name: "registry tells what is wrong",
  ignore,
  fn: async (t) => {
    await using registry = await RegistryServer.start();
    await using home = await createHome();
    for (const { name, args, code, stderr } of FAILURES) {
      await t.step(name, async () => {
        const outcome = await home.run("registry", ...args(registry.host));
        assert.match(outcome.stderr, stderr);
        assert.equal(outcome.code, code);
        assert.equal(outcome.stdout, "");
      });
    }
  },
});

Deno.test({
  name: "registry pull and up refuse an image of something else",
  ignore,
  fn: async () => {
    await using registry = await RegistryServer.start();
    await using home = await createHome();
    const base = `http://${registry.host}/v2/a/nginx`;
    const config = new TextEncoder().encode('{"architecture":"amd64","os":"linux"}');
    const begun = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
    await begun.body?.cancel();
    const url = new URL(begun.headers.get("location")!);
    url.searchParams.set("digest", digestOf(config));
    await (await fetch(url, { method: "PUT", body: config })).body?.cancel();
    const type = "application/vnd.oci.image.manifest.v1+json";
    const descriptor = {
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest: digestOf(config),
      size: config.length,
    };
    const put = await fetch(`${base}/manifests/1`, {
      method: "PUT",
      headers: { "content-type": type },
      body: JSON.stringify({
        schemaVersion: 2,
        mediaType: type,
        config: { ...descriptor, mediaType: "application/vnd.oci.image.config.v1+json" },
        layers: [descriptor],
      }),
    });
    assert.equal(put.status, 201, await put.text());
    for (const args of [["registry", "pull"], ["up", "--from-registry"]]) {
      const outcome = await home.run(...args, `${registry.host}/a/nginx:1`, "-k");
      assert.equal(outcome.code, 1);
      assert.match(outcome.stderr, /holds no Spin app: its layers are of the types .*tar\+gzip/);
    }
  },
});

Deno.test({
  name: "kube scaffold --inspect asks the registry what the app needs",
  ignore,
  fn: async () => {
    await using registry = await RegistryServer.start();
    await using home = await createHome();
    const site = await writeSite(home);
    await Deno.writeTextFile(
      join(site, "spin.toml"),
      `${SITE["spin.toml"]}[variables]\nkey = { required = true, secret = true }\n`,
    );
    const reference = `${registry.host}/org/site:v1`;
    await home.run("registry", "push", "-k", "-f", site, reference);
    const scaffold = ["kube", "scaffold", "--from", reference, "--inspect", "--insecure-registry"];
    const listed = await home.run(...scaffold);
    assert.equal(listed.code, 0, listed.stderr);
    assert.match(listed.stdout, /\n {2}# - name: key\n {2}# {3}valueFrom: \{secretKeyRef: /);
    const given = await home.run(...scaffold, "-v", "key=1");
    assert.match(given.stdout, /secretKeyRef:\n\s+name: site-variables\n/);
    assert.match(given.stdout, /\n---\napiVersion: v1\nkind: Secret\n/);
    const wrong = await home.run(...scaffold, "--component", "sit");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /"sit" not found in application; did you mean "site"\?/);
  },
});
