import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import type { OutboundPolicy } from "./component_context.ts";
import { type IpSocketAddress, parseIp } from "./_socket_address.ts";
import type { ResolveAddressStream } from "./_name_lookup.ts";
import type { TcpSocket } from "./_tcp_socket.ts";
import type { UdpSocket } from "./_udp_socket.ts";
import type { InputStream, OutputStream } from "./wasi_io.ts";
import { createWasiSockets } from "./wasi_sockets.ts";

const OPEN: OutboundPolicy = {
  check: () => true,
  checkSelf: () => true,
  isBlocked: () => false,
  mayResolve: () => true,
};

interface Sockets {
  network: unknown;
  createTcpSocket(family: string): TcpSocket;
  createUdpSocket(family: string): UdpSocket;
  resolveAddresses(network: unknown, name: string): ResolveAddressStream;
}

function sockets(outbound: Partial<OutboundPolicy> = {}): Sockets {
  const all = createWasiSockets(testContext({ outbound: { ...OPEN, ...outbound } }));
  const { instanceNetwork } = all["wasi:sockets/instance-network@0.2"] as {
    instanceNetwork(): unknown;
  };
  return {
    network: instanceNetwork(),
    ...all["wasi:sockets/tcp-create-socket@0.2"],
    ...all["wasi:sockets/udp-create-socket@0.2"],
    ...all["wasi:sockets/ip-name-lookup@0.2"],
  } as unknown as Sockets;
}

function at(ip: string, port: number): IpSocketAddress {
  const { tag, val } = parseIp(ip)!;
  return tag === "ipv4"
    ? { tag, val: { port, address: val } }
    : { tag, val: { port, address: val, flowInfo: 0, scopeId: 0 } };
}

function throwsCode(run: () => unknown, code: string): void {
  assert.throws(run, (error) => {
    assert.equal(error, code, run.toString());
    return true;
  });
}

async function connect(
  socket: TcpSocket,
  address: IpSocketAddress,
): Promise<[InputStream, OutputStream]> {
  socket.startConnect(undefined, address);
  await socket.subscribe().block();
  return socket.finishConnect();
}

/** A server that sends back what it gets and closes when the client does. */
function echoServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const done = (async () => {
    for await (const connection of listener) await connection.readable.pipeTo(connection.writable);
  })();
  return {
    address: at("127.0.0.1", listener.addr.port),
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
    },
  };
}

Deno.test("createWasiSockets() connects, sends, receives and shuts down", async () => {
  await using server = echoServer();
  const urls: string[] = [];
  let open = 0;
  const host = sockets({
    check(url) {
      urls.push(url);
      return Promise.resolve(true);
    },
    openConnection(kind) {
      assert.equal(kind, "socket");
      open++;
      return () => open--;
    },
  });
  const socket = host.createTcpSocket("ipv4");
  assert.equal(open, 1);
  socket.startConnect(host.network, server.address);
  throwsCode(() => socket.finishConnect(), "would-block");
  throwsCode(() => socket.startConnect(host.network, server.address), "concurrency-conflict");
  await socket.subscribe().block();
  const [input, output] = socket.finishConnect();
  assert.deepEqual(urls, [`tcp://127.0.0.1:${server.address.val.port}`]);
  throwsCode(() => socket.finishConnect(), "not-in-progress");
  throwsCode(() => socket.startConnect(host.network, server.address), "invalid-state");
  assert.deepEqual(socket.remoteAddress(), server.address);
  assert.notEqual(socket.localAddress().val.port, 0);
  assert.equal(input.read(10n).length, 0);
  await output.blockingWriteAndFlush(new TextEncoder().encode("hello"));
  assert.equal(new TextDecoder().decode(await input.blockingRead(3n)), "hel");
  assert.equal(new TextDecoder().decode(await input.blockingRead(10n)), "lo");
  socket.shutdown("send");
  assert.throws(() => output.checkWrite(), { tag: "closed" });
  await assert.rejects(async () => await input.blockingRead(1n), { tag: "closed" });
  input[Symbol.dispose]();
  output[Symbol.dispose]();
  assert.equal(open, 1);
  socket[Symbol.dispose]();
  assert.equal(open, 0);
});

Deno.test("createWasiSockets() makes a TCP guest wait for a slow peer, and sends the rest", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const socket = sockets().createTcpSocket("ipv4");
  const [input, output] = await connect(socket, at("127.0.0.1", listener.addr.port));
  const peer = await accepted;
  let written = 0;
  for (let budget = output.checkWrite(); budget > 0n; budget = output.checkWrite()) {
    output.write(new Uint8Array(Number(budget)));
    written += Number(budget);
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.ok(written < 100_000_000, "there is no back-pressure");
  }
  assert.equal(output.subscribe().ready(), false);
  for (const resource of [input, output, socket]) resource[Symbol.dispose]();
  let received = 0;
  for await (const chunk of peer.readable) received += chunk.length;
  assert.equal(received, written);
  listener.close();
});

Deno.test("createWasiSockets() refuses TCP as policy and state demand", async () => {
  const { network, createTcpSocket } = sockets();
  const denied = sockets({ check: () => false }).createTcpSocket("ipv4");
  throwsCode(() => denied.startConnect(network, at("127.0.0.1", 9)), "access-denied");
  const blocked = sockets({ isBlocked: (ip) => ip === "::1" }).createTcpSocket("ipv6");
  throwsCode(() => blocked.startConnect(network, at("::1", 9)), "access-denied");
  const late = sockets({ check: () => Promise.resolve(false) }).createTcpSocket("ipv4");
  await assert.rejects(connect(late, at("127.0.0.1", 9)), (error) => error === "access-denied");
  const failing = sockets({ check: () => Promise.reject(new Error()) }).createTcpSocket("ipv4");
  await assert.rejects(connect(failing, at("127.0.0.1", 9)), (error) => error === "access-denied");
  const refused = createTcpSocket("ipv4");
  await assert.rejects(
    connect(refused, at("127.0.0.1", 1)),
    (error) => error === "connection-refused",
  );
  const full = sockets({ openConnection: () => undefined });
  throwsCode(() => full.createTcpSocket("ipv4"), "new-socket-limit");
  throwsCode(() => full.createUdpSocket("ipv4"), "new-socket-limit");
  const socket = createTcpSocket("ipv4");
  const cases: [() => unknown, string][] = [
    [() => socket.startConnect(network, at("::1", 9)), "invalid-argument"],
    [() => socket.startConnect(network, at("0.0.0.0", 9)), "invalid-argument"],
    [() => socket.startConnect(network, at("127.0.0.1", 0)), "invalid-argument"],
    [() => socket.startConnect(network, at("224.0.0.1", 9)), "invalid-argument"],
    [
      () => createTcpSocket("ipv6").startConnect(network, at("::ffff:127.0.0.1", 9)),
      "invalid-argument",
    ],
    [() => socket.startBind(network, at("127.0.0.1", 0)), "access-denied"],
    [() => socket.finishBind(), "not-in-progress"],
    [() => socket.finishConnect(), "not-in-progress"],
    [() => socket.startListen(), "access-denied"],
    [() => socket.finishListen(), "not-in-progress"],
    [() => socket.accept(), "invalid-state"],
    [() => socket.localAddress(), "invalid-state"],
    [() => socket.remoteAddress(), "invalid-state"],
    [() => socket.shutdown("both"), "invalid-state"],
    [() => socket.setHopLimit(0), "invalid-argument"],
    [() => socket.setKeepAliveCount(0), "invalid-argument"],
    [() => socket.setReceiveBufferSize(0n), "invalid-argument"],
  ];
  for (const [run, code] of cases) throwsCode(run, code);
  socket.setKeepAliveEnabled(true);
  socket.setKeepAliveIdleTime(5n);
  socket.setHopLimit(7);
  socket.setSendBufferSize(9n);
  assert.deepEqual(
    [socket.keepAliveEnabled(), socket.keepAliveIdleTime(), socket.hopLimit()],
    [true, 5n, 7],
  );
  assert.equal(socket.sendBufferSize(), 9n);
  assert.equal(socket.isListening(), false);
  socket[Symbol.dispose]();
});

Deno.test("createWasiSockets() closes a connection that the guest dropped too early", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = at("127.0.0.1", listener.addr.port);
  const { network, createTcpSocket } = sockets();
  for (const waits of [false, true]) {
    const socket = createTcpSocket("ipv4");
    socket.startConnect(network, address);
    const pollable = socket.subscribe();
    if (waits) await pollable.block();
    socket[Symbol.dispose]();
    const peer = await listener.accept();
    assert.equal(await peer.read(new Uint8Array(1)), null);
    peer.close();
  }
  listener.close();
});

Deno.test("createWasiSockets() sends and receives datagrams", async () => {
  const peer = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const peerAddress = at("127.0.0.1", (peer.addr as Deno.NetAddr).port);
  const urls = new Set<string>();
  const { network, createUdpSocket } = sockets({
    check(url) {
      urls.add(url);
      return !url.endsWith(":9");
    },
  });
  const socket = createUdpSocket("ipv4");
  throwsCode(() => socket.stream(undefined), "invalid-state");
  throwsCode(() => socket.startBind(network, at("127.0.0.1", 9)), "access-denied");
  socket.startBind(network, at("127.0.0.1", 0));
  throwsCode(() => socket.localAddress(), "invalid-state");
  socket.finishBind();
  throwsCode(() => socket.finishBind(), "not-in-progress");
  throwsCode(() => socket.startBind(network, at("127.0.0.1", 0)), "invalid-state");
  const local = socket.localAddress();
  const [incoming, outgoing] = socket.stream(undefined);
  const hello = new TextEncoder().encode("hello");
  assert.throws(() => outgoing.send([{ data: hello, remoteAddress: peerAddress }]), /check-send/);
  assert.equal(outgoing.checkSend(), 16n);
  throwsCode(() => outgoing.send([{ data: hello }]), "invalid-argument");
  throwsCode(
    () => outgoing.send([{ data: hello, remoteAddress: at("127.0.0.1", 9) }]),
    "access-denied",
  );
  throwsCode(
    () => outgoing.send([{ data: new Uint8Array(65_508), remoteAddress: peerAddress }]),
    "datagram-too-large",
  );
  const both = [
    { data: hello, remoteAddress: peerAddress },
    { data: hello, remoteAddress: at("127.0.0.1", 9) },
  ];
  assert.equal(outgoing.send(both), 1n);
  const [received, from] = await peer.receive();
  assert.equal(new TextDecoder().decode(received), "hello");
  assert.equal((from as Deno.NetAddr).port, local.val.port);
  assert.deepEqual(incoming.receive(5n), []);
  await peer.send(new Uint8Array(3000).fill(1), from as Deno.NetAddr);
  await incoming.subscribe().block();
  const [datagram] = incoming.receive(5n);
  assert.equal(datagram!.data.length, 3000);
  assert.deepEqual(datagram!.remoteAddress, peerAddress);
  throwsCode(() => socket.stream(at("127.0.0.1", 9)), "access-denied");
  const [, connected] = socket.stream(peerAddress);
  assert.deepEqual(socket.remoteAddress(), peerAddress);
  connected.checkSend();
  assert.equal(connected.send([{ data: hello }]), 1n);
  await peer.receive();
  throwsCode(
    () => connected.send([{ data: hello, remoteAddress: at("127.0.0.1", 10) }]),
    "invalid-argument",
  );
  assert.ok(urls.has(`udp://127.0.0.1:${peerAddress.val.port}`));
  socket[Symbol.dispose]();
  peer.close();
});

Deno.test("createWasiSockets() waits for a policy that answers later", async () => {
  const { network, createUdpSocket } = sockets({ check: (url) => Promise.resolve(url.length > 0) });
  const socket = createUdpSocket("ipv4");
  socket.startBind(network, at("127.0.0.1", 0));
  throwsCode(() => socket.finishBind(), "would-block");
  await socket.subscribe().block();
  socket.finishBind();
  const [incoming, outgoing] = socket.stream(undefined);
  const own = { data: Uint8Array.of(1), remoteAddress: socket.localAddress() };
  outgoing.checkSend();
  assert.equal(outgoing.send([own]), 0n);
  await outgoing.subscribe().block();
  assert.equal(outgoing.checkSend() > 0n, true);
  assert.equal(outgoing.send([own]), 1n);
  await incoming.subscribe().block();
  assert.deepEqual(incoming.receive(1n), [own]);
  socket[Symbol.dispose]();
});

Deno.test("createWasiSockets() resolves the names that the policy admits", async () => {
  const admitted: unknown[] = [];
  const { network, resolveAddresses } = sockets({
    mayResolve: (host) => host === "localhost" ? Promise.resolve(true) : host === "nope.invalid",
    isBlocked: (ip) => ip === "::1",
    admit: (host, addresses) => admitted.push([host, ...addresses]),
  });
  const stream = resolveAddresses(network, "LocalHost");
  throwsCode(() => stream.resolveNextAddress(), "would-block");
  await stream.subscribe().block();
  assert.deepEqual(stream.resolveNextAddress(), { tag: "ipv4", val: [127, 0, 0, 1] });
  assert.equal(stream.resolveNextAddress(), undefined);
  assert.deepEqual(admitted, [["localhost", "127.0.0.1"]]);
  const literal = resolveAddresses(network, "fe80::1");
  await literal.subscribe().block();
  assert.deepEqual(literal.resolveNextAddress(), {
    tag: "ipv6",
    val: [0xfe80, 0, 0, 0, 0, 0, 0, 1],
  });
  throwsCode(() => resolveAddresses(network, "example.com"), "permanent-resolver-failure");
  throwsCode(() => resolveAddresses(network, "a b"), "invalid-argument");
  const unknown = resolveAddresses(network, "nope.invalid");
  await unknown.subscribe().block();
  throwsCode(() => unknown.resolveNextAddress(), "name-unresolvable");
});
