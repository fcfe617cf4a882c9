import assert from "node:assert/strict";
import { UsageError } from "../../lib/errors.ts";
import { BOOTSTRAP_PARAMS } from "../proto/bootstrap.ts";
import { decodeMessage } from "../proto/decode.ts";
import { encodeMessage } from "../proto/encode.ts";
import { containerdFacts, parseShimArguments, type ShimArguments } from "./start_args.ts";

const EMPTY: ShimArguments = {
  action: "",
  namespace: "",
  id: "",
  address: "",
  publishBinary: "",
  bundle: "",
  isDebug: false,
  stays: false,
  wantsVersion: false,
  wantsInfo: false,
};

const COMMON: Partial<ShimArguments> = { namespace: "ns", id: "t1" };

const PARSED: readonly { line: string; expected: Partial<ShimArguments> }[] = [
  {
    line: "-namespace ns -address /run/containerd/containerd.sock" +
      " -publish-binary /usr/bin/containerd -id t1 start",
    expected: {
      ...COMMON,
      action: "start",
      address: "/run/containerd/containerd.sock",
      publishBinary: "/usr/bin/containerd",
    },
  },
  {
    line: "-namespace ns -address a -publish-binary b -id t1 -bundle /bundle -debug delete",
    expected: {
      ...COMMON,
      action: "delete",
      address: "a",
      publishBinary: "b",
      bundle: "/bundle",
      isDebug: true,
    },
  },
  {
    line: "-stay -namespace ns -id t1 -address a start",
    expected: { ...COMMON, action: "start", address: "a", stays: true },
  },
  { line: "--namespace=ns --id=t1 start", expected: { ...COMMON, action: "start" } },
  { line: "-namespace=ns -id=a=b start", expected: { ...COMMON, id: "a=b", action: "start" } },
  { line: "-id x -namespace ns -id t1 start", expected: { ...COMMON, action: "start" } },
  { line: "-namespace ns -id -id start", expected: { ...COMMON, id: "-id", action: "start" } },
  { line: "-namespace ns -id t1 -- start", expected: { ...COMMON, action: "start" } },
  { line: "-namespace ns -id t1 start -debug", expected: { ...COMMON, action: "start" } },
  {
    line: "-namespace ns -id t1 -debug=false start",
    expected: { ...COMMON, action: "start" },
  },
  {
    line: "-namespace ns -id t1 -debug=T start",
    expected: { ...COMMON, action: "start", isDebug: true },
  },
  {
    line: "-namespace ns -later -id t1 start",
    expected: { ...COMMON, action: "start" },
  },
  {
    line: "-namespace ns --later value -id t1 -new start",
    expected: { ...COMMON, action: "start" },
  },
  {
    line: "-namespace ns -later=value -id t1 start",
    expected: { ...COMMON, action: "start" },
  },
  { line: "-v", expected: { wantsVersion: true } },
  { line: "--version", expected: { wantsVersion: true } },
  { line: "-info", expected: { wantsInfo: true } },
];

for (const { line, expected } of PARSED) {
  Deno.test(`parseShimArguments() reads ${line}`, () => {
    assert.deepEqual(parseShimArguments(line.split(" ")), { ...EMPTY, ...expected });
  });
}

const REFUSED = [
  { line: "start", problems: ["the shim's namespace is empty", "the shim's id is empty"] },
  { line: "-id t1 start", problems: ["the shim's namespace is empty; give -namespace"] },
  { line: "-namespace ns -id= delete", problems: ["the shim's id is empty; give -id"] },
  {
    line: "-namespace ns -id",
    problems: ["flag needs an argument: -id", "the shim's id is empty"],
  },
  { line: "-namespace ns -id t1 stop", problems: ['"stop" is no action'] },
  { line: "-namespace ns -id t1 -", problems: ['"-" is no action'] },
  { line: "---id t1", problems: ["bad flag syntax: ---id"] },
  { line: "-=t1 start", problems: ["bad flag syntax: -=t1"] },
  {
    line: "-namespace ns -id t1 -debug=yes start",
    problems: ['"yes" is no boolean value for -debug'],
  },
  {
    line: "-namespace ns -id t1 -debug=toString start",
    problems: ['"toString" is no boolean value for -debug'],
  },
];

for (const { line, problems } of REFUSED) {
  Deno.test(`parseShimArguments() refuses ${line}`, () => {
    assert.throws(() => parseShimArguments(line.split(" ")), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.ok(error.message.startsWith("Cannot run the shim: "));
      for (const problem of problems) assert.ok(error.message.includes(problem), error.message);
      return true;
    });
  });
}

const ARGUMENTS = { ...EMPTY, address: "/args.sock", publishBinary: "/args/containerd" };

Deno.test("containerdFacts() takes parameters first, then the environment, then the command line", () => {
  const nothing = {
    ttrpcAddress: "",
    grpcAddress: "/args.sock",
    binary: "/args/containerd",
    version: "",
    socketDir: "/run/containerd/s",
    isDebug: false,
  };
  assert.deepEqual(containerdFacts(ARGUMENTS, { environment: {} }), nothing);
  const environment = { TTRPC_ADDRESS: "/env.sock.ttrpc", GRPC_ADDRESS: "/env.sock" };
  const fromEnvironment = {
    ...nothing,
    ttrpcAddress: "/env.sock.ttrpc",
    grpcAddress: "/env.sock",
  };
  assert.deepEqual(containerdFacts(ARGUMENTS, { environment }), fromEnvironment);
  const params = decodeMessage(
    BOOTSTRAP_PARAMS,
    encodeMessage(BOOTSTRAP_PARAMS, {
      logLevel: "debug",
      containerdVersion: "2.3.4",
      containerdTtrpcAddress: "/params.sock.ttrpc",
      containerdGrpcAddress: "/params.sock",
      containerdBinary: "/params/containerd",
      socketDir: "/params/s",
    }),
  );
  assert.deepEqual(containerdFacts(ARGUMENTS, { environment, params }), {
    ttrpcAddress: "/params.sock.ttrpc",
    grpcAddress: "/params.sock",
    binary: "/params/containerd",
    version: "2.3.4",
    socketDir: "/params/s",
    isDebug: true,
  });
  const empty = decodeMessage(BOOTSTRAP_PARAMS, new Uint8Array(0));
  assert.deepEqual(containerdFacts(ARGUMENTS, { environment, params: empty }), fromEnvironment);
});

Deno.test("containerdFacts() refuses a directory in which no socket's path fits", () => {
  function factsFor(socketDir: string) {
    const params = { ...decodeMessage(BOOTSTRAP_PARAMS, new Uint8Array(0)), socketDir };
    return containerdFacts(ARGUMENTS, { environment: {}, params });
  }
  assert.equal(factsFor("/".padEnd(42, "x")).socketDir.length, 42);
  assert.throws(() => factsFor("/".padEnd(43, "x")), UsageError);
});
