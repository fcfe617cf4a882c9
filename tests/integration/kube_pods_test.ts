import assert from "node:assert/strict";
import { PodApi } from "../support/pod_api.ts";
import { waitUntil } from "../support/wait.ts";
import { runProgram, startProgram } from "./_program.ts";

/** An HTTP server that stands for what runs in a pod. */
function servePod(name: string): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.text();
    return new Response(`${name} ${body.length} ${"x".repeat(body.length)}`);
  }) as Deno.HttpServer<Deno.NetAddr>;
}

const LOG = "first\n\nlast";

async function startApi(): Promise<PodApi> {
  const api = await PodApi.start("shop");
  for (const name of ["shop-1", "shop-2"]) api.pods.set(name, { name, port: undefined, log: LOG });
  return api;
}

const LOGS: readonly {
  readonly args: readonly string[];
  readonly stdout: string;
  readonly requests: readonly string[];
}[] = [
  { args: ["shop"], stdout: LOG, requests: ["shop-1?container=main"] },
  {
    args: ["shop", "-f", "--tail", "5", "--since", "2m", "-p", "--timestamps", "-c", "side"],
    stdout: LOG,
    requests: [
      "shop-1?follow=true&previous=true&timestamps=true&tailLines=5&sinceSeconds=120&container=side",
    ],
  },
  {
    args: ["shop", "--all-pods", "--limit-bytes=9", "--since-time", "2026-01-01T00:00:00Z"],
    stdout: ["shop-1", "shop-2"].flatMap((pod) =>
      ["first", "", "last"].map((line) => `[pod/${pod}/main] ${line}\n`)
    ).join(""),
    requests: ["shop-1", "shop-2"].map((pod) =>
      `${pod}?sinceTime=2026-01-01T00%3A00%3A00Z&limitBytes=9&container=main`
    ),
  },
  {
    args: ["shop", "--all-containers", "--prefix", "--insecure-skip-tls-verify-backend"],
    stdout: ["main", "side"].flatMap((container) =>
      ["first", "", "last"].map((line) => `[pod/shop-1/${container}] ${line}\n`)
    ).join(""),
    requests: ["main", "side"].map((container) =>
      `shop-1?insecureSkipTLSVerifyBackend=true&container=${container}`
    ),
  },
  {
    args: ["-l", "app=shop"],
    stdout: LOG + LOG,
    requests: ["shop-1?container=main", "shop-2?container=main"],
  },
];

for (const { args, stdout, requests } of LOGS) {
  Deno.test(`kube logs ${args.join(" ")} prints what the pods have written`, async () => {
    await using api = await startApi();
    const outcome = await runProgram(["kube", "logs", ...args, "--kubeconfig", api.kubeconfig]);
    assert.equal(outcome.stderr, "");
    assert.equal(outcome.stdout, stdout);
    assert.equal(outcome.code, 0);
    assert.deepEqual(api.logRequests, requests);
  });
}

const WRONG: readonly (readonly [args: readonly string[], code: number, stderr: RegExp])[] = [
  [["logs", "none"], 3, /^Error: deployments\.apps "none" not found\n$/],
  [["logs", "shop", "-c", "x"], 2, /container x is not valid for pod shop-1; it has main, side/],
  [
    ["logs", "shop", "-f", "--all-pods", "--max-log-requests", "1"],
    2,
    /^Error: you are attempting to follow 2 log streams, but maximum allowed concurrency is 1, /,
  ],
  [["logs", "shop", "--since=1s", "--since-time=2026-01-01"], 2, /at most one of/],
  [["logs", "shop", "--since-time=soon"], 2, /RFC 3339/],
  [["connect", "shop", "-p", "80:80"], 2, /^Error: local port should not contain ':' character\n/],
  [["connect", "none"], 1, /no active deployment found for the given application name or selector/],
  [
    ["connect"],
    2,
    /either one of <name>, --field-selector, or --label-selector is required/,
  ],
];

for (const [args, code, stderr] of WRONG) {
  Deno.test(`kube ${args.join(" ")} fails with ${code}`, async () => {
    await using api = await startApi();
    // No spin.toml that would give a name.
    const cwd = await Deno.makeTempDir();
    try {
      const outcome = await runProgram(["kube", ...args, "--kubeconfig", api.kubeconfig], { cwd });
      assert.match(outcome.stderr, stderr);
      assert.equal(outcome.code, code);
    } finally {
      await Deno.remove(cwd);
    }
  });
}

/** Starts `kube connect`, and waits for its address. */
async function startConnect(api: PodApi, ...args: string[]) {
  const log: string[] = [];
  const program = startProgram(
    ["kube", "connect", ...args, "--kubeconfig", api.kubeconfig],
    { onStdout: (text) => log.push(text) },
  );
  await waitUntil(() => /http:\/\/127\.0\.0\.1:\d+\n/.test(log.join("")), {
    what: "the address of kube connect",
    timeoutMs: 30_000,
  });
  const [url = ""] = /http:\/\/127\.0\.0\.1:\d+/.exec(log.join("")) ?? [];
  return { program, url, log };
}

async function ask(url: string, body: string): Promise<string> {
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  try {
    return await (await fetch(url, { method: "POST", body, client })).text();
  } finally {
    client.close();
  }
}

Deno.test("kube connect carries requests both ways, shows the log, and ends with 130", async () => {
  await using api = await startApi();
  await using pod = servePod("one");
  api.pods.set("shop-1", { name: "shop-1", port: pod.addr.port, log: "hello from the pod\n" });
  const { program, url, log } = await startConnect(api, "shop");
  await using _program = program;
  const body = "y".repeat(300_000);
  assert.equal(await ask(url, body), `one 300000 ${"x".repeat(300_000)}`);
  assert.equal(
    (await Promise.all(["a", "bb"].map((text) => ask(url, text)))).join(),
    "one 1 x,one 2 xx",
  );
  await waitUntil(() => log.join("").includes("hello from the pod"), { what: "the log" });
  program.kill("SIGINT");
  const { code, stderr } = await program.outcome();
  assert.equal(stderr, "connecting to pod default/shop-1\n");
  assert.equal(code, 130);
});

Deno.test("kube connect carries answers to clients that have said everything", async () => {
  await using api = await startApi();
  await using pod = servePod("one");
  api.pods.set("shop-1", { name: "shop-1", port: pod.addr.port, log: "" });
  const { program, url } = await startConnect(api, "shop", "--no-logs");
  await using _program = program;
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
  const request = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc";
  await connection.write(new TextEncoder().encode(request));
  await connection.closeWrite();
  let answer = "";
  const buffer = new Uint8Array(4096);
  for (let count = await connection.read(buffer); count !== null;) {
    answer += new TextDecoder().decode(buffer.subarray(0, count));
    count = await connection.read(buffer);
  }
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*one 3 xxx/);
});

Deno.test("kube connect survives a rollout", async () => {
  await using api = await startApi();
  api.pods.clear();
  const old = servePod("old");
  api.pods.set("shop-old", { name: "shop-old", port: old.addr.port, log: "" });
  const { program, url } = await startConnect(api, "-l", "app=shop", "--no-logs");
  await using _program = program;
  assert.equal(await ask(url, "a"), "old 1 x");
  await using young = servePod("new");
  api.pods.set("shop-new", { name: "shop-new", port: young.addr.port, log: "" });
  api.pods.delete("shop-old");
  await old.shutdown();
  assert.equal(await ask(url, "a"), "new 1 x");
});

Deno.test("kube connect --all uses the pods in turn", async () => {
  await using api = await startApi();
  await using one = servePod("one");
  await using two = servePod("two");
  api.pods.set("shop-1", { name: "shop-1", port: one.addr.port, log: "from one\n" });
  api.pods.set("shop-2", { name: "shop-2", port: two.addr.port, log: "from two\n" });
  const { program, url, log } = await startConnect(api, "shop", "--all");
  await using _program = program;
  const names = [];
  for (let i = 0; i < 4; i++) names.push((await ask(url, "")).slice(0, 3));
  assert.deepEqual(names, ["one", "two", "one", "two"]);
  await waitUntil(
    () =>
      ["[pod/shop-1/main] from one\n", "[pod/shop-2/main] from two\n"]
        .every((line) => log.join("").includes(line)),
    { what: "both logs" },
  );
});

Deno.test("kube connect tells why a pod cannot be reached, and goes on", async () => {
  await using api = await startApi();
  const { program, url } = await startConnect(api, "shop", "--no-logs");
  await using _program = program;
  await assert.rejects(ask(url, "a"));
  await using pod = servePod("one");
  api.pods.set("shop-1", { name: "shop-1", port: pod.addr.port, log: "" });
  api.pods.delete("shop-2");
  assert.equal(await ask(url, "a"), "one 1 x");
  program.kill("SIGINT");
  assert.match((await program.outcome()).stderr, /\nError: nothing listens on the port\n/);
});
