import assert from "node:assert/strict";
import { formatAddress, listen } from "../ttrpc/address.ts";
import { accepts, findPlace, nodeGroup, readSocket, socketPath } from "./server_place.ts";
import type { ContainerdFacts } from "./start_args.ts";

interface Bundles {
  readonly containerd: ContainerdFacts;
  readonly socketDir: string;
  /** Makes a bundle. @returns Its directory. */
  add(id: string, options?: { sandbox?: string; address?: string }): string;
}

async function withBundles(work: (bundles: Bundles) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  const socketDir = `${root}/s`;
  try {
    await work({
      socketDir,
      containerd: { grpcAddress: `${root}/c.sock`, socketDir } as ContainerdFacts,
      add(id, { sandbox, address } = {}) {
        const bundle = `${root}/bundles/${id}`;
        Deno.mkdirSync(bundle, { recursive: true });
        const annotations = sandbox ? { "io.kubernetes.cri.sandbox-id": sandbox } : {};
        Deno.writeTextFileSync(`${bundle}/config.json`, JSON.stringify({ annotations }));
        if (address !== undefined) Deno.writeTextFileSync(`${bundle}/address`, address);
        return bundle;
      },
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const NAMESPACE = "ns";

Deno.test("findPlace() has a socket for each pod, or one for all of the node", async () => {
  await withBundles(async ({ containerd, add }) => {
    const place = (id: string, { sandbox, isPerNode }: { sandbox: string; isPerNode: boolean }) =>
      findPlace({ id, namespace: NAMESPACE, bundle: add(id, { sandbox }), isPerNode, containerd });
    for (const isPerNode of [false, true]) {
      const [a, ofA, b] = await Promise.all([
        place("a", { sandbox: "a", isPerNode }),
        place("of-a", { sandbox: "a", isPerNode }),
        place("b", { sandbox: "b", isPerNode }),
      ]);
      assert.deepEqual(ofA, a);
      assert.equal(a.isJoined, false);
      assert.equal(a.socket === b.socket, isPerNode);
    }
  });
});

Deno.test("findPlace() joins the server that the pod has, whatever the options say", async () => {
  await withBundles(async ({ containerd, socketDir, add }) => {
    const socket = `${socketDir}/living`;
    using _ = listen(socket);
    add("a", { sandbox: "a", address: formatAddress(socket) });
    const bundle = add("of-a", { sandbox: "a" });
    for (const isPerNode of [false, true]) {
      assert.deepEqual(
        await findPlace({ id: "of-a", namespace: NAMESPACE, bundle, isPerNode, containerd }),
        { socket, isJoined: true },
      );
    }
  });
});

Deno.test("findPlace() does not join a server that is dead, nor one outside of the pod's bundles", async () => {
  await withBundles(async ({ containerd, socketDir, add }) => {
    const socket = `${socketDir}/living`;
    using _ = listen(socket);
    add("dead", { address: formatAddress(`${socketDir}/dead`) });
    add("other", { address: "tcp://127.0.0.1:1" });
    add("living", { address: formatAddress(socket) });
    for (const sandbox of ["dead", "other", "absent", "../bundles/living", "./living"]) {
      const bundle = add("x", { sandbox });
      const place = await findPlace({
        ...{ id: "x", namespace: NAMESPACE, bundle, isPerNode: false, containerd },
      });
      const group = { namespace: NAMESPACE, group: sandbox };
      const expected = { socket: await socketPath(containerd, group), isJoined: false };
      assert.deepEqual(place, expected, sandbox);
    }
  });
});

Deno.test("socketPath() is containerd's name of the address, the namespace and the group", async () => {
  // `printf %s /run/c.sock/ns/group | sha256sum`
  assert.equal(
    await socketPath({ grpcAddress: "/run//c.sock", socketDir: "/s" }, {
      namespace: "ns",
      group: "group",
    }),
    "/s/26f3fb2749500d0c383b45e2742c2664cef59b39e6a17c428a415ad6979d2ec0",
  );
});

Deno.test("nodeGroup() is another one when the program is replaced", async () => {
  const module = import.meta.resolve("./server_place.ts");
  const directory = await Deno.makeTempDir();
  const program = `${directory}/main.ts`;
  const text = `import { nodeGroup } from ${JSON.stringify(module)}; console.log(nodeGroup());`;
  async function ask(): Promise<string> {
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", program],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  }
  try {
    await Deno.writeTextFile(program, text);
    const first = await ask();
    assert.equal(await ask(), first);
    await Deno.writeTextFile(`${program}.new`, text);
    await Deno.rename(`${program}.new`, program);
    assert.notEqual(await ask(), first);
    // No id of a container is such a name.
    assert.match(nodeGroup(), /^node:/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("readSocket() and accepts() take what is not there, or not ours, for nothing", async () => {
  await withBundles(async ({ socketDir, add }) => {
    assert.equal(readSocket(add("none")), undefined);
    assert.equal(readSocket(add("strange", { address: "vsock://1:2" })), undefined);
    assert.equal(readSocket(add("empty", { address: "" })), undefined);
    assert.equal(readSocket(add("ours", { address: "unix:///run/x" })), "/run/x");
    const socket = `${socketDir}/s`;
    assert.equal(await accepts(socket), false);
    {
      using _ = listen(socket);
      assert.equal(await accepts(socket), true);
    }
  });
});
