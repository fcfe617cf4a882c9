import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type CredentialsEdge,
  findCredentials,
  saveCredentials,
  serverFromInput,
  spinAuthFile,
} from "./credentials.ts";

const ANN = { kind: "password", username: "ann", password: "a:b" } as const;
const SPIN = "/home/u/.config/fermyon/registry-auth.json";
const DOCKER = "/home/u/.docker/config.json";

function edgeOf(
  files: Readonly<Record<string, unknown>>,
  helpers: Readonly<Record<string, (input: string) => string>> = {},
): CredentialsEdge & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    os: "linux",
    lines,
    environment: (name) => name === "HOME" ? "/home/u" : undefined,
    readTextFile: (path) => {
      const content = files[path];
      if (content === undefined) return Promise.reject(new Deno.errors.NotFound(path));
      return Promise.resolve(typeof content === "string" ? content : JSON.stringify(content));
    },
    runHelper: (name, input) =>
      Promise.resolve().then(() => {
        if (!helpers[name]) throw new Error(`no program docker-credential-${name}`);
        return helpers[name](input);
      }),
    report: (line) => void lines.push(line),
  };
}

const ENCODED = btoa("ann:a:b");

const FOUND: readonly (readonly [name: string, edge: CredentialsEdge, expected: unknown])[] = [
  ["nothing", edgeOf({}), undefined],
  ["Spin's file", edgeOf({ [SPIN]: { auths: { "r.io": ENCODED } } }), ANN],
  ["Docker's file", edgeOf({ [DOCKER]: { auths: { "r.io": { auth: ENCODED } } } }), ANN],
  [
    "a URL in Docker's file",
    edgeOf({
      [DOCKER]: { auths: { "https://r.io/v1/": { auth: ENCODED } } },
    }),
    ANN,
  ],
  [
    "plain fields in Docker's file",
    edgeOf({
      [DOCKER]: { auths: { "r.io": { username: "ann", password: "a:b" } } },
    }),
    ANN,
  ],
  [
    "an identity token",
    edgeOf({
      [DOCKER]: { auths: { "r.io": { auth: ENCODED, identitytoken: "id" } } },
    }),
    { kind: "token", token: "id" },
  ],
  [
    "Spin's file before Docker's",
    edgeOf({
      [SPIN]: { auths: { "r.io": ENCODED } },
      [DOCKER]: { auths: { "r.io": { auth: btoa("bob:x") } } },
    }),
    ANN,
  ],
  [
    "a helper",
    edgeOf({ [DOCKER]: { credsStore: "x" } }, {
      x: (input) => JSON.stringify({ ServerURL: input, Username: "ann", Secret: "a:b" }),
    }),
    ANN,
  ],
  [
    "a helper of the registry before the general one",
    edgeOf({
      [DOCKER]: { credsStore: "other", credHelpers: { "r.io": "x" } },
    }, { x: () => '{"Username":"<token>","Secret":"id"}' }),
    { kind: "token", token: "id" },
  ],
  [
    "Docker's file if the helper has nothing",
    edgeOf({
      [DOCKER]: { credsStore: "x", auths: { "r.io": { auth: ENCODED } } },
    }, {
      x: () => {
        throw new Error("credentials not found in native keychain");
      },
    }),
    ANN,
  ],
  [
    "nothing for names of Object",
    edgeOf({
      [SPIN]: { auths: {} },
      [DOCKER]: { auths: {}, credHelpers: {} },
    }),
    undefined,
  ],
];

for (const [name, edge, expected] of FOUND) {
  Deno.test(`findCredentials() finds ${name}`, async () => {
    assert.deepEqual(await findCredentials("r.io", edge), expected);
    assert.deepEqual((edge as ReturnType<typeof edgeOf>).lines, []);
  });
}

Deno.test("findCredentials() knows the names of Docker Hub", async () => {
  const docker = edgeOf({
    [DOCKER]: { auths: { "https://index.docker.io/v1/": { auth: ENCODED } } },
  });
  assert.deepEqual(await findCredentials("docker.io", docker), ANN);
  const spin = edgeOf({ [SPIN]: { auths: { "index.docker.io": ENCODED } } });
  assert.deepEqual(await findCredentials("docker.io", spin), ANN);
});

for (
  const [name, edge] of [
    ["no JSON", edgeOf({ [SPIN]: "{" })],
    ["no base64", edgeOf({ [SPIN]: { auths: { "r.io": "!" } } })],
    ["no helper", edgeOf({ [DOCKER]: { credsStore: "none" } })],
    ["no file of Docker's", edgeOf({ [DOCKER]: "[]" })],
  ] as const
) {
  Deno.test(`findCredentials() reports ${name}, and goes on`, async () => {
    assert.equal(await findCredentials("r.io", edge), undefined);
    assert.equal(edge.lines.length, 1);
  });
}

Deno.test("saveCredentials() keeps other logins, for the owner only", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "fermyon", "registry-auth.json");
    await saveCredentials(path, { server: "a.io", username: "ann", password: "1" });
    await saveCredentials(path, { server: "b.io", username: "bob", password: "2" });
    assert.deepEqual(JSON.parse(await Deno.readTextFile(path)), {
      auths: { "a.io": btoa("ann:1"), "b.io": btoa("bob:2") },
    });
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    await Deno.writeTextFile(path, "{broken");
    await assert.rejects(saveCredentials(path, { server: "a", username: "b", password: "c" }));
    assert.equal(await Deno.readTextFile(path), "{broken");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

for (
  const [input, server] of [
    ["docker.io", "index.docker.io"],
    ["index.docker.io", "index.docker.io"],
    ["https://ghcr.io", "ghcr.io"],
    ["https://ghcr.io/", "ghcr.io"],
    ["localhost:5000", "localhost:5000"],
    ["http://localhost:5000", "localhost:5000"],
  ] as const
) {
  Deno.test(`serverFromInput() reads ${input}`, () => assert.equal(serverFromInput(input), server));
}

Deno.test("spinAuthFile() follows the rules of the operating system", () => {
  const environment = (values: Record<string, string>) => (name: string) => values[name];
  for (
    const [os, values, path] of [
      ["linux", { HOME: "/h" }, "/h/.config/fermyon/registry-auth.json"],
      ["linux", { HOME: "/h", XDG_CONFIG_HOME: "/x" }, "/x/fermyon/registry-auth.json"],
      ["linux", { HOME: "/h", XDG_CONFIG_HOME: "x" }, "/h/.config/fermyon/registry-auth.json"],
      ["darwin", { HOME: "/h" }, "/h/Library/Application Support/fermyon/registry-auth.json"],
      ["linux", {}, undefined],
    ] as const
  ) {
    assert.equal(spinAuthFile({ os, environment: environment(values) }), path);
  }
});
