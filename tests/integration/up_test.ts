import assert from "node:assert/strict";
import { join } from "node:path";
import { type ProgramOptions, ROOT, runProgram, SAMPLE, startProgram } from "./_program.ts";

/** A directory of its own for each test, with a home in which nothing is. */
async function inDirectory(
  work: (directory: string, options: ProgramOptions) => Promise<void>,
): Promise<void> {
  const directory = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(join(directory, "tmp"));
    await work(directory, { cwd: directory, env: { TMPDIR: join(directory, "tmp") } });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function upArguments(directory: string, ...more: string[]): string[] {
  return [
    "up",
    "--listen=127.0.0.1:0",
    "--format=json",
    "--workers=1",
    `--state-dir=${join(directory, "state")}`,
    `--cache-dir=${join(directory, "cache")}`,
    ...more,
  ];
}

for (const [signal, expected] of [["SIGTERM", 0], ["SIGINT", 130]] as const) {
  Deno.test(`up serves, and exits with ${expected} on ${signal} leaving nothing behind`, async () => {
    await inDirectory(async (directory, options) => {
      const args = upArguments(directory, `--from=${SAMPLE}`, "--variable=greeting=Moin");
      await using program = startProgram(args, options);
      const { base_url: baseUrl, routes } = await program.listing();
      assert.deepEqual(routes.map(({ id }) => id), ["hello"]);
      for (const visit of [1, 2]) {
        const text = await (await fetch(`${baseUrl}/some/<path>`)).text();
        assert.match(text, /<h1>Moin!<\/h1>/);
        assert.match(text, /<code>GET \/some\/%3Cpath%3E<\/code>/);
        assert.match(text, new RegExp(`visit number <b>${visit}</b>`));
      }
      program.kill(signal);
      const { code, stdout, stderr } = await program.outcome();
      assert.equal(code, expected, stderr);
      assert.doesNotThrow(() => JSON.parse(stdout));
      assert.match(stderr, /^Storing default key-value data to ".*sqlite_key_value\.db"\.$/m);
      assert.deepEqual([...Deno.readDirSync(join(directory, "tmp"))], []);
    });
  });
}

const TORTURE = join(ROOT, "tests", "fixtures", "apps", "torture");

/** Starts a response that takes its time, and waits for its first piece. */
async function startDrip(baseUrl: string, pieces: number): Promise<{ rest(): Promise<string> }> {
  const response = await fetch(`${baseUrl}/drip?n=${pieces}&ms=50`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const first = await reader.read();
  return {
    async rest() {
      let text = first.value ?? "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        text += part.value;
      }
      return text;
    },
  };
}

Deno.test("up lets a request in flight end after SIGTERM", async () => {
  await inDirectory(async (directory, options) => {
    await using program = startProgram(upArguments(directory, "--from", TORTURE), options);
    const { base_url: baseUrl } = await program.listing();
    const drip = await startDrip(baseUrl, 20);
    program.kill("SIGTERM");
    assert.match(await drip.rest(), /drop 19\n$/);
    assert.equal((await program.outcome()).code, 0);
  });
});

Deno.test("up ends at once on a second Ctrl-C", async () => {
  await inDirectory(async (directory, options) => {
    await using program = startProgram(upArguments(directory, "--from", TORTURE), options);
    const { base_url: baseUrl } = await program.listing();
    const drip = await startDrip(baseUrl, 1_000);
    const cut = assert.rejects(drip.rest());
    // Two signals in quick succession may arrive as one.
    const again = setInterval(() => program.kill("SIGINT"), 50);
    const { code } = await program.outcome().finally(() => clearInterval(again));
    assert.equal(code, 130);
    await cut;
  });
});

Deno.test("up cuts requests off after the grace period", async () => {
  await inDirectory(async (directory, options) => {
    const args = upArguments(directory, "--from", TORTURE, "--grace-period=200ms");
    await using program = startProgram(args, options);
    const { base_url: baseUrl } = await program.listing();
    const drip = await startDrip(baseUrl, 1_000);
    const cut = assert.rejects(drip.rest());
    program.kill("SIGTERM");
    assert.equal((await program.outcome()).code, 0);
    await cut;
  });
});

Deno.test("up writes spin.lock to --temp and keeps it", async () => {
  await inDirectory(async (directory, options) => {
    const work = join(directory, "work");
    await using program = startProgram(
      upArguments(directory, "--from", SAMPLE, "--temp", work),
      options,
    );
    await program.listing();
    program.kill("SIGTERM");
    assert.equal((await program.outcome()).code, 0);
    const lock = JSON.parse(await Deno.readTextFile(join(work, "spin.lock")));
    assert.equal(lock.components[0].id, "hello");
  });
});

Deno.test("up --default-app serves the sample if the directory has no app", async () => {
  await inDirectory(async (directory, options) => {
    await using program = startProgram(
      upArguments(directory, "--default-app=deploy/samples/hello", "--key-value=visits=41"),
      { ...options, cwd: ROOT, env: { ...options.env, INIT_CWD: directory } },
    );
    const { base_url: baseUrl } = await program.listing();
    assert.match(await (await fetch(baseUrl)).text(), /visit number <b>42<\/b>/);
    program.kill("SIGTERM");
    assert.match((await program.outcome()).stderr, /Serving the sample app/);
  });
});

Deno.test("up --build keeps stdout for the listing", async () => {
  await inDirectory(async (directory, options) => {
    await Deno.copyFile(join(SAMPLE, "hello.wasm"), join(directory, "made-before.wasm"));
    await Deno.writeTextFile(
      join(directory, "spin.toml"),
      [
        "spin_manifest_version = 2",
        "[application]",
        'name = "built"',
        "[[trigger.http]]",
        'route = "/"',
        'component = "built"',
        "[component.built]",
        'source = "built.wasm"',
        'key_value_stores = ["default"]',
        'variables = { greeting = "Built" }',
        "[component.built.build]",
        'command = ["echo step one", "cp made-before.wasm built.wasm"]',
      ].join("\n"),
    );
    await using program = startProgram(upArguments(directory, "--build"), options);
    const { base_url: baseUrl } = await program.listing();
    assert.match(await (await fetch(baseUrl)).text(), /Built!/);
    program.kill("SIGTERM");
    const { stdout, stderr } = await program.outcome();
    assert.doesNotThrow(() => JSON.parse(stdout));
    for (
      const line of [
        "Building component built (2 commands)",
        "Running build step 1/2 for component built with 'echo step one'",
        "step one",
        "Running build step 2/2 for component built with 'cp made-before.wasm built.wasm'",
        "Finished building all Spin components",
      ]
    ) assert.ok(stderr.split("\n").includes(line), `${line} in ${stderr}`);
  });
});

Deno.test("up serves HTTPS with --tls-cert and --tls-key", async () => {
  await inDirectory(async (directory, options) => {
    // Self-signed for 127.0.0.1, for a hundred years; no secret.
    const testdata = join(ROOT, "tests", "integration", "testdata");
    const [cert, key] = [join(testdata, "localhost.cert.pem"), join(testdata, "localhost.key.pem")];
    await using program = startProgram(
      upArguments(directory, "--from", SAMPLE, "--tls-cert", cert, "--tls-key", key),
      options,
    );
    const { base_url: baseUrl } = await program.listing();
    assert.match(baseUrl, /^https:/);
    using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(cert)] });
    const response = await fetch(baseUrl, { client });
    assert.match(await response.text(), /visit number/);
    program.kill("SIGTERM");
    assert.equal((await program.outcome()).code, 0);
  });
});

for (
  const { name, args, code, stderr } of [
    {
      name: "no app",
      args: ["up"],
      code: 1,
      stderr: /^Error: Default file 'spin\.toml' not found\. Run `spin up --from <APPLICATION>`/,
    },
    {
      name: "a word instead of an app",
      args: ["up", "hello"],
      code: 2,
      stderr: /^Error: Default file 'spin\.toml' not found\. Did you mean `spin up -f hello`\?/,
    },
    {
      name: "a registry that is not there",
      args: ["up", "-k", "--from-registry", "127.0.0.1:3/app:1"],
      code: 1,
      stderr: /^Error: Cannot pull the manifest of "app:1" at 127\.0\.0\.1:3: nothing listens/,
    },
    {
      name: "wrong options, all at once",
      args: ["up", "--lisen=x", "--workers=0", "-q", "--follow=a", "--tls-cert=c"],
      code: 2,
      stderr: new RegExp(
        "^Error: Unknown option.*\\n--follow cannot.*\\n--tls-cert needs --tls-key as well\\n" +
          'Invalid value "0".*\\nSee ',
      ),
    },
    {
      name: "options that refer to nothing, all at once",
      args: [
        "up",
        "-f",
        SAMPLE,
        ...["--tls-cert=none.pem", "--tls-key=none.pem", "--runtime-config-file=none.toml"],
        ...["--variable=noequals", "--key-value=noequals"],
      ],
      code: 2,
      stderr: new RegExp(
        "^Error: Cannot read --tls-cert.*\\nCannot read --tls-key.*\\n" +
          "variables must be in the form 'key=value' or '@file'\\n" +
          "Cannot read the runtime config file.*\\nKey-value must be of the form",
      ),
    },
    {
      name: "a command that does not exist",
      args: ["buidl"],
      code: 2,
      stderr: /^Error: Unknown command "buidl"\nDid you mean "spinkube build"\?\n$/,
    },
    {
      name: "an option that does not exist",
      args: ["--versoin"],
      code: 2,
      stderr: /^Error: Unknown option "--versoin"\nDid you mean "spinkube --version"\?\n$/,
    },
    {
      name: "an option without effect",
      args: ["up", "--disable-pooling", "-f", "nowhere"],
      code: 1,
      stderr: /^Note: --disable-pooling has no effect: .*\nError: File or directory 'nowhere'/,
    },
    {
      name: "a certificate that is none",
      args: ["up", "-f", SAMPLE, "--tls-cert=/dev/null", "--tls-key=/dev/null"],
      code: 1,
      stderr: /holds no PEM block "BEGIN CERTIFICATE".*\n.*holds no PEM block "BEGIN PRIVATE KEY"/,
    },
  ]
) {
  Deno.test(`the command line explains ${name}`, async () => {
    await inDirectory(async (_directory, options) => {
      const outcome = await runProgram(args, options);
      assert.match(outcome.stderr, stderr);
      assert.doesNotMatch(outcome.stderr, /^ +at /m);
      assert.equal(outcome.stdout, "");
      assert.equal(outcome.code, code);
    });
  });
}

Deno.test("up says that the port is taken", async () => {
  await inDirectory(async (directory, options) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const args = upArguments(directory, "--from", SAMPLE)
      .map((arg) => arg.startsWith("--listen") ? `--listen=127.0.0.1:${port}` : arg);
    const { code, stderr } = await runProgram(args, options);
    assert.equal(code, 1);
    assert.ok(
      stderr.includes(
        `127.0.0.1:${port} is already in use. To have Spin search for a free port, use the ` +
          "--find-free-port option.",
      ),
      stderr,
    );
  });
});
