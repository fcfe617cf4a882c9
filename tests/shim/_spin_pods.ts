/**
 * Pods of Spin apps, made through CRI as kubelet makes them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { SERVING_PROCESS } from "../../crds/contract.ts";
import { shimProcesses } from "../support/containerd_leftovers.ts";
import type { ContainerSpec } from "../support/cri_pod.ts";
import { BUSYBOX_IMAGE } from "../support/test_images.ts";
import { APPS, LARGE_TEXT } from "./_apps.ts";
import type { Case } from "./_case.ts";
import { NODE_SECRET } from "./_nodes.ts";

const MIB = 1024 * 1024;

/** What pods under the strictest policy of a cluster ask for. */
const RESTRICTED = {
  user: 65_534,
  isRootReadOnly: true,
  isRestricted: true,
  milliCpu: 100,
  memoryBytes: 128 * MIB,
} satisfies Partial<ContainerSpec>;

/** A form of image, and whether the app has its files there. */
const FORMS = [
  { what: "pushed by `spin registry push`", image: APPS.registry, hasFiles: true },
  { what: "pushed with its files in archives", image: APPS.archive, hasFiles: true },
  { what: "in an image made FROM scratch", image: APPS.scratch, hasFiles: true },
  { what: "in a package of `wkg`", image: APPS.package, hasFiles: false },
] as const;

function imageForm({ what, image, hasFiles }: typeof FORMS[number]): Case {
  return {
    name: `an app ${what} is served, logs as Spin does, and ends with 0`,
    async run(node) {
      await using pod = await node.cri.runPod({ containers: [{ name: "app", image }] });
      assert.deepEqual(await pod.answer("/"), { status: 200, body: "hello from C\n" });
      if (hasFiles) {
        assert.equal((await pod.get("/file?path=/large.txt")).body, LARGE_TEXT);
        assert.equal((await pod.get("/file?path=/sub/deep.txt")).status, 200);
      }
      assert.equal((await pod.get("/log?marker")).body, "logged\n");
      await pod.waitForLog("app", /to standard error marker/);
      const { stdout, stderr } = pod.log("app");
      assert.match(stdout, /^Serving http:\/\/0\.0\.0\.0:80$/m);
      assert.match(stdout, /^Available Routes:\n {2}\S+: http:\/\/0\.0\.0\.0:80 \(wildcard\)$/m);
      assert.match(stderr, /to standard output marker/);
      assert.equal((await pod.get("/.well-known/spin/health")).body, "OK");
      await pod.stop("app");
      const { exitCode, reason } = await pod.status("app");
      assert.deepEqual({ exitCode, reason }, { exitCode: 0, reason: "Completed" });
    },
  };
}

/** The cases. */
export const SPIN_PODS: readonly Case[] = [
  ...FORMS.map(imageForm),
  {
    name: "variables come from the pod's environment, a variable's own name first",
    async run(node) {
      await using pod = await node.cri.runSandbox({});
      const cases: [env: Record<string, string>, expected: string][] = [
        [{}, "hi"],
        [{ SPIN_VARIABLE_GREETING: "prefixed" }, "prefixed"],
        [{ GREETING: "named" }, "named"],
        [{ SPIN_VARIABLE_GREETING: "prefixed", GREETING: "named" }, "named"],
      ];
      for (const [index, [env, expected]] of cases.entries()) {
        const [name, port] = [`app-${index}`, 8000 + index];
        const listen = { SPIN_HTTP_LISTEN_ADDR: `0.0.0.0:${port}` };
        await pod.run({ name, image: APPS.tiny, env: { ...env, ...listen } });
        const { body } = await pod.answer("/var/greeting", { port });
        assert.equal(body, `${expected}\n`, JSON.stringify(env));
      }
    },
  },
  {
    name: "an app without probes serves when containerd says that its container runs",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.tiny }],
      });
      assert.match((await pod.get("/")).body, /^tiny, request 1 /);
      const name = await Deno.readTextFile(`/proc/${node.initPid(pod.idOf("app"))}/comm`);
      assert.equal(name, `${SERVING_PROCESS}\n`);
    },
  },
  {
    name: "in Kubernetes an app serves on while others may not know yet that it ends",
    async run(node) {
      const env = { KUBERNETES_SERVICE_HOST: "192.0.2.1" };
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.tiny, env }],
      });
      const start = performance.now();
      const stopped = pod.stop("app");
      while (performance.now() - start < 2_000) {
        assert.equal((await pod.get("/")).status, 200);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await stopped;
      // A second after the last request.
      const took = performance.now() - start;
      assert.ok(took > 2_500 && took < 4_500, `${took} ms`);
      const { exitCode } = await pod.status("app");
      assert.equal(exitCode, 0);
    },
  },
  {
    name: "neither guest nor host see anything of the node's environment",
    async run(node) {
      const env = { OF_POD: "1" };
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry, env }],
      });
      const guest = await pod.answer("/env");
      assert.equal(guest.body, "COLOR=green\n");
      const environment = Deno.readTextFileSync(`/proc/${node.initPid(pod.idOf("app"))}/environ`);
      assert.match(environment, /OF_POD=1/);
      assert.ok(!environment.includes(NODE_SECRET.name), environment);
      // The shim itself has it: the test would notice.
      const [shim] = shimProcesses(node);
      assert.ok(Deno.readTextFileSync(`/proc/${shim}/environ`).includes(NODE_SECRET.value));
    },
  },
  {
    name: "a runtime configuration that the pod mounts is used",
    async run(node) {
      const file = `${node.directory}/runtime-config.toml`;
      await Deno.writeTextFile(
        file,
        '[[variables_provider]]\ntype = "static"\nvalues = { greeting = "from a file" }\n',
      );
      await using pod = await node.cri.runPod({
        containers: [{
          name: "app",
          image: APPS.tiny,
          mounts: { "/runtime-config.toml": `ro:${file}` },
        }],
      });
      assert.equal((await pod.answer("/var/greeting")).body, "from a file\n");
    },
  },
  {
    name: "a pod with a read-only root, no privileges and small limits works, also with its stores",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.tiny, ...RESTRICTED }],
      });
      assert.deepEqual(await pod.answer("/count", { timeoutMs: 30_000 }), {
        status: 200,
        body: "1\n",
      });
      assert.equal((await pod.get("/count")).body, "2\n");
      const status = Deno.readTextFileSync(`/proc/${node.initPid(pod.idOf("app"))}/status`);
      assert.match(status, /^Uid:\t65534\t65534/m);
      assert.match(status, /^CapEff:\t0+$/m);
      assert.match(status, /^NoNewPrivs:\t1$/m);
      assert.match(status, /^Seccomp:\t2$/m);
    },
  },
  {
    name: "stores are in the volume that a pod has at /.spin",
    async run(node) {
      const volume = await Deno.makeTempDir({ dir: node.directory });
      const container = { name: "app", image: APPS.tiny, mounts: { "/.spin": volume } };
      for (const expected of ["1\n", "2\n"]) {
        await using pod = await node.cri.runPod({ containers: [container] });
        assert.equal((await pod.answer("/count")).body, expected);
      }
    },
  },
  {
    name: "stats of a Spin container are not zero",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry }],
      });
      await pod.answer("/");
      const { cpu, memory } = await pod.stats("app");
      assert.ok(Number(cpu?.usageCoreNanoSeconds?.value) > 1_000_000);
      assert.ok(Number(memory?.workingSetBytes?.value) > MIB);
    },
  },
  {
    name: "requests in flight are answered when a pod stops, new ones are not taken",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry }],
      });
      await pod.answer("/");
      const slow = pod.get("/sleep?ms=1500");
      await pod.get("/");
      const stopping = pod.stop("app");
      assert.deepEqual(await slow, { status: 200, body: "slept\n" });
      await stopping;
      assert.equal((await pod.status("app")).exitCode, 0);
      await assert.rejects(pod.get("/"));
    },
  },
  {
    name: "two Spin containers of a pod serve on ports of their own, beside an ordinary one",
    async run(node) {
      const sidecar = {
        name: "sidecar",
        image: BUSYBOX_IMAGE,
        command: ["sh", "-c", "echo $WHO; while :; do sleep 0.1; done"],
        env: { WHO: "sidecar" },
      };
      const second = {
        name: "second",
        image: APPS.tiny,
        env: { SPIN_HTTP_LISTEN_ADDR: "0.0.0.0:8080" },
      };
      await using pod = await node.cri.runPod({
        containers: [{ name: "first", image: APPS.registry }, second, sidecar],
      });
      assert.equal((await pod.answer("/")).body, "hello from C\n");
      assert.match((await pod.answer("/", { port: 8080 })).body, /^tiny/);
      await pod.waitForLog("sidecar", /^sidecar$/m);
      const get = await pod.exec("sidecar", ["wget", "-qO-", "http://127.0.0.1/"]);
      assert.deepEqual(get, { code: 0, stdout: "hello from C\n", stderr: "" });
      await pod.stop("sidecar", 0);
      assert.equal((await pod.status("sidecar")).exitCode, 137);
      assert.equal((await pod.get("/", { port: 8080 })).status, 200);
    },
  },
  {
    name: "only the components that the pod names are served",
    async run(node) {
      const env = { SPIN_COMPONENTS_TO_RETAIN: "second" };
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.pair, env }],
      });
      assert.equal((await pod.answer("/second/status?code=201")).status, 404);
      assert.equal((await pod.get("/first")).status, 404);
      assert.doesNotMatch(pod.log("app").stdout, /first/);
    },
  },
  {
    name: "a trap of the guest is one answer's, not the pod's",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry }],
      });
      await pod.answer("/");
      assert.equal((await pod.get("/trap")).status, 500);
      assert.equal((await pod.get("/")).status, 200);
      assert.equal((await pod.status("app")).state, "running");
    },
  },
  {
    name: "exec runs what is in the container, and names what is not",
    async run(node) {
      await using pod = await node.cri.runPod({
        containers: [{ name: "app", image: APPS.registry }],
      });
      await pod.answer("/");
      const runtime = "/.spinkube/runtime";
      const deno = [
        `${runtime}/lib/ld.so`,
        "--library-path",
        `${runtime}/lib`,
        `${runtime}/bin/deno`,
      ];
      const { code, stdout } = await pod.exec("app", [...deno, "--version"]);
      assert.equal(code, 0);
      assert.match(stdout, /^deno /);
      await assert.rejects(
        pod.exec("app", ["ls", "/"]),
        /"ls": executable file not found in \$PATH/,
      );
      assert.equal((await pod.get("/")).status, 200);
    },
  },
  {
    name: "a command's exit code and output are the container's",
    async run(node) {
      await using pod = await node.cri.runSandbox({});
      const cases: [args: string[], code: number][] = [
        [["show", "these"], 0],
        [["fail", "3"], 3],
      ];
      for (const [index, [args, code]] of cases.entries()) {
        const name = `job-${index}`;
        await pod.run({ name, image: APPS.job, command: ["/"], args });
        assert.equal((await pod.ended(name)).exitCode, code, pod.log(name).all);
      }
      assert.match(pod.log("job-0").all, /arguments: \[.*"show", "these"\]/);
    },
  },
];
