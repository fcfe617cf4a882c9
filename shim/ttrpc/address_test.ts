import assert from "node:assert/strict";
import { connect, formatAddress, listen, parseAddress } from "./address.ts";

const PARSED = [
  { address: "unix:///run/containerd/s/abc", path: "/run/containerd/s/abc" },
  {
    address: "/run/containerd/containerd.sock.ttrpc",
    path: "/run/containerd/containerd.sock.ttrpc",
  },
  { address: "containerd-shim/abc", path: "\0containerd-shim/abc" },
  { address: "unix://@abc", path: "\0abc" },
  { address: "@abc", path: "\0abc" },
  { address: "\0abc", path: "\0abc" },
  { address: `/${"x".repeat(106)}`, path: `/${"x".repeat(106)}` },
];

for (const { address, path } of PARSED) {
  Deno.test(`parseAddress() reads ${JSON.stringify(address).slice(0, 60)}`, () => {
    assert.equal(parseAddress(address), path);
  });
}

const REFUSED = [
  { address: "vsock://3:1024", why: "only Unix sockets are supported" },
  { address: "tcp://127.0.0.1:1", why: "only Unix sockets are supported" },
  { address: "", why: "it has no path" },
  { address: "unix://", why: "it has no path" },
  { address: `unix:///${"é".repeat(54)}`, why: "its path has 109 bytes, 107 are possible" },
];

for (const { address, why } of REFUSED) {
  Deno.test(`parseAddress() refuses "${address.slice(0, 30)}": ${why}`, () => {
    assert.throws(() => parseAddress(address), {
      name: "SyntaxError",
      message: `Cannot use address "${address}": ${why}`,
    });
  });
}

Deno.test("formatAddress() is what parseAddress() reads", () => {
  assert.equal(formatAddress("/run/a"), "unix:///run/a");
  assert.equal(parseAddress(formatAddress("/run/a")), "/run/a");
});

Deno.test("listen() makes a socket and directory for its user alone, and restores the umask", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/made/s`;
  const before = Deno.umask();
  using listener = listen(formatAddress(path));
  assert.equal(Deno.umask(), before);
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
  assert.equal((await Deno.stat(`${directory}/made`)).mode! & 0o777, 0o700);
  assert.throws(() => listen(path), Deno.errors.AddrInUse);
  assert.equal(Deno.umask(), before);
  const accepted = listener.accept();
  using _client = await connect(path);
  using _server = await accepted;
  await Deno.remove(directory, { recursive: true });
});

Deno.test("listen() leaves a directory that exists as it is", async () => {
  const directory = await Deno.makeTempDir();
  await Deno.chmod(directory, 0o750);
  {
    using _listener = listen(`${directory}/s`);
  }
  assert.equal((await Deno.stat(directory)).mode! & 0o777, 0o750);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("connect() fails at once if there is no socket", async () => {
  const directory = await Deno.makeTempDir();
  await assert.rejects(connect(`${directory}/s`), Deno.errors.NotFound);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("listen() and connect() work with abstract sockets", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const name = `@spinkube-test-${crypto.randomUUID()}`;
  using listener = listen(name);
  const accepted = listener.accept();
  using _client = await connect(`unix://${name}`);
  using _server = await accepted;
});
