import assert from "node:assert/strict";
import { formatFullHelp, formatHelp } from "./command_help.ts";
import { defineCommand, parseCommandLine } from "./command_line.ts";
import { UsageError } from "./errors.ts";

const COMMAND = defineCommand({
  name: "tool run",
  summary: "Runs something.",
  usage: "[OPTIONS]",
  options: {
    from: { kind: "value", short: "f", aliases: ["file"], value: "APP", help: "What to run" },
    count: {
      kind: "value",
      value: "N",
      env: "TOOL_COUNT",
      help: "How often",
      default: "1",
      parse(text: string): number {
        if (/^\d+$/.test(text)) return Number(text);
        throw new SyntaxError("give a number");
      },
    },
    env: { kind: "list", short: "e", value: "K=V", help: "Environment" },
    quiet: {
      kind: "boolean",
      short: "q",
      env: "TOOL_QUIET",
      help: "Say nothing",
      conflicts: ["follow"],
    },
    follow: { kind: "list", value: "ID", help: "Say much" },
    "log-dir": {
      kind: "value",
      value: "DIR",
      env: "TOOL_LOG_DIR",
      isEmptyAllowed: true,
      help: "Logs",
    },
    cert: { kind: "value", value: "FILE", help: "Certificate", requires: ["key"] },
    key: { kind: "value", value: "FILE", help: "Key", requires: ["cert"] },
    secret: { kind: "boolean", help: "Not shown", hidden: true },
    then: { kind: "boolean", short: "t", help: "Hand on the rest" },
  },
  examples: ["tool run", "tool run -f app"],
  restAfter: "then",
});

function parse(args: string[], variables: Record<string, string> = {}) {
  const parsed = parseCommandLine(COMMAND, args, { environment: (name) => variables[name] });
  assert.equal(parsed.kind, "run");
  return parsed as Extract<typeof parsed, { kind: "run" }>;
}

const DEFAULTS = {
  from: undefined,
  count: undefined,
  env: [],
  quiet: false,
  follow: [],
  "log-dir": undefined,
  cert: undefined,
  key: undefined,
  secret: false,
  then: false,
};

for (
  const [args, variables, expected] of [
    [[], {}, {}],
    [["--from", "a"], {}, { from: "a" }],
    [["--from=a=b"], {}, { from: "a=b" }],
    [["-f", "a"], {}, { from: "a" }],
    [["-fa"], {}, { from: "a" }],
    [["-f=a"], {}, { from: "a" }],
    [["--file", "a"], {}, { from: "a" }],
    [["--from", "-"], {}, { from: "-" }],
    [["--from=-a"], {}, { from: "-a" }],
    [["-e", "A=1", "--env=B=2"], {}, { env: ["A=1", "B=2"] }],
    [["-q"], {}, { quiet: true }],
    [["--count", "3"], {}, { count: 3 }],
    [[], { TOOL_COUNT: "4" }, { count: 4 }],
    [["--count=3"], { TOOL_COUNT: "4" }, { count: 3 }],
    [[], { TOOL_COUNT: "" }, {}],
    [["--log-dir", ""], {}, { "log-dir": "" }],
    [["--log-dir="], {}, { "log-dir": "" }],
    [[], { TOOL_LOG_DIR: "" }, { "log-dir": "" }],
    [[], { TOOL_QUIET: "1" }, { quiet: true }],
    [[], { TOOL_QUIET: "yes" }, { quiet: true }],
    [[], { TOOL_QUIET: "0" }, {}],
    [[], { TOOL_QUIET: "FALSE" }, {}],
    [[], { TOOL_QUIET: "" }, {}],
    [["--cert=a", "--key=b"], {}, { cert: "a", key: "b" }],
    [["--secret"], {}, { secret: true }],
  ] as [string[], Record<string, string>, Record<string, unknown>][]
) {
  const shown = [...args, ...Object.entries(variables).map((pair) => pair.join("="))].join(" ");
  Deno.test(`parseCommandLine() reads "${shown}"`, () => {
    assert.deepEqual({ ...parse(args, variables).values }, { ...DEFAULTS, ...expected });
  });
}

for (
  const [args, variables, message] of [
    [["--form", "a"], {}, /^Unknown option "--form"; did you mean "--from"\?/],
    [["--secrte"], {}, /^Unknown option "--secrte"$/],
    [["-x"], {}, /^Unknown option "-x"$/],
    [["word"], {}, /^Unexpected argument "word"$/],
    [["--", "--from"], {}, /^Unexpected argument "--from"$/],
    [["--from"], {}, /^a value is required for '--from <APP>' but none was supplied$/],
    [["--from", ""], {}, /^a value is required for '--from <APP>'/],
    [["--from", "--quiet"], {}, /write --from=--quiet if "--quiet" is the value$/],
    [["--from=a", "-fb"], {}, /^--from cannot be given more than once$/],
    [["--quiet=no"], {}, /^--quiet takes no value, but was given "no"$/],
    [["--count=x"], {}, /^Invalid value "x" for --count \(or TOOL_COUNT\): give a number$/],
    [[], { TOOL_COUNT: "x" }, /^Invalid value "x" for --count/],
    [["-q", "--follow", "a"], {}, /^--quiet cannot be used together with --follow$/],
    [["--follow", "a"], { TOOL_QUIET: "1" }, /^--quiet cannot be used together with --follow$/],
    [["--cert=a"], {}, /^--cert needs --key as well$/],
    [["-x", "--count=x", "word"], {}, /^Unknown.*\nUnexpected.*\nInvalid value "x".*$/],
  ] as [string[], Record<string, string>, RegExp][]
) {
  const shown = [...args, ...Object.entries(variables).map((pair) => pair.join("="))].join(" ");
  Deno.test(`parseCommandLine() refuses "${shown}"`, () => {
    assert.throws(() => parse(args, variables), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      assert.equal(error.hint, 'See "tool run --help".');
      return true;
    });
  });
}

for (const args of [["--help"], ["-h"], ["--count=x", "-h", "word"]]) {
  Deno.test(`parseCommandLine() asks for help when given ${args.join(" ")}`, () => {
    const parsed = parseCommandLine(COMMAND, args, { environment: () => undefined });
    assert.equal(parsed.kind, "help");
  });
}

for (
  const [args, rest] of [
    [["-q", "--then", "--from", "x", "-h"], ["--from", "x", "-h"]],
    [["-t", "--", "-a"], ["-a"]],
    [["--then"], []],
  ] as const
) {
  Deno.test(`parseCommandLine() keeps ${JSON.stringify(rest)} of "${args.join(" ")}"`, () => {
    const parsed = parse([...args]);
    assert.deepEqual(parsed.rest, rest);
    assert.equal(parsed.values.then, true);
    assert.equal(parsed.values.from, undefined);
  });
}

Deno.test("parseCommandLine() hands words to a command that wants them", () => {
  const parsed = parseCommandLine({ ...COMMAND, hasWords: true }, ["a", "--quiet", "b"], {
    environment: () => undefined,
  });
  assert.deepEqual(parsed.kind === "run" && parsed.words, ["a", "b"]);
});

Deno.test("formatHelp() begins with the sentence, lists options, ends with examples", () => {
  const lines = formatHelp(COMMAND).split("\n");
  assert.equal(lines[0], "Runs something.");
  assert.ok(lines.includes("  -f, --from APP  What to run"));
  assert.deepEqual(lines.slice(-3), ["Examples:", "  tool run", "  tool run -f app"]);
  assert.ok(!lines.some((line) => line.includes("secret")));
});

Deno.test("formatFullHelp() tells defaults and environment variables", () => {
  assert.match(
    formatFullHelp(COMMAND),
    /--count N\n {6}How often \(default: 1; environment: TOOL_COUNT\)/,
  );
});

const GO_COMMAND = defineCommand({
  name: "tool go",
  summary: "Runs as Go does.",
  usage: "[OPTIONS]",
  options: {
    count: { kind: "value", short: "c", value: "N", help: "How often" },
    name: { kind: "list", short: "n", value: "NAME", help: "Names" },
    yes: { kind: "boolean", short: "y", help: "Do not ask" },
    quiet: { kind: "boolean", short: "q", help: "Say nothing" },
    "dry-run": { kind: "value", value: "HOW", bare: "client", help: "Do nothing" },
  },
  examples: ["tool go", "tool go -y"],
  hasWords: true,
  isGoStyle: true,
});

const GO_LINES: readonly (readonly [line: string, values: object, words?: string[]])[] = [
  ["-c 1 -c -2", { count: "-2" }],
  ["--count=1 --count=", { count: "" }],
  ["-c=3", { count: "3" }],
  ["-c3", { count: "3" }],
  ["-yqc3 -n a -nb", { yes: true, quiet: true, count: "3", name: ["a", "b"] }],
  ["--yes=false --quiet=T", { yes: false, quiet: true }],
  ["-y=0", { yes: false }],
  ["--yes --yes=false", { yes: false }],
  ["--dry-run word", { "dry-run": "client" }, ["word"]],
  ["--dry-run=server", { "dry-run": "server" }],
  ["a -y -- -c b", { yes: true }, ["a", "-c", "b"]],
  ["- --count -", { count: "-" }, ["-"]],
];

for (const [line, values, words = []] of GO_LINES) {
  Deno.test(`parseCommandLine() reads ${line} as Go does`, () => {
    const parsed = parseCommandLine(GO_COMMAND, line.split(" "), { environment: () => undefined });
    assert.ok(parsed.kind === "run");
    const nothing = { count: undefined, name: [], yes: false, quiet: false, "dry-run": undefined };
    assert.deepEqual(parsed.values, { ...nothing, ...values });
    assert.deepEqual(parsed.words, words);
  });
}

for (const line of ["-c", "--count", "--yes=maybe", "-x", "-yx", "--=a"]) {
  Deno.test(`parseCommandLine() refuses ${line} as Go does`, () => {
    assert.throws(
      () => parseCommandLine(GO_COMMAND, line.split(" "), { environment: () => undefined }),
      UsageError,
    );
  });
}
