import assert from "node:assert/strict";
import { type Libc, OPEN, openFile, openLibc } from "./libc.ts";
import { spawnProcess } from "./spawn_process.ts";

/** Bit of signal 13. */
const SIGPIPE = 1n << 12n;
const LONG = "x".repeat(5_000);

/** Waits for it. (A reaper would become the parent of whatever other tests leave.) */
function exitCodeOf(libc: Libc, pid: number): number {
  const word = new Int32Array(1);
  assert.equal(libc.waitpid(pid, new Uint8Array(word.buffer), 0), pid);
  return word[0]! >> 8;
}

Deno.test({
  name: "spawnProcess() hands descriptors, arguments and environment on, and nothing else",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const libc = openLibc();
    const directory = await Deno.makeTempDir();
    const flags = OPEN.create | OPEN.writeOnly;
    const [out, err] = ["out", "err"].map((name) =>
      openFile(libc, `${directory}/${name}`, { flags, mode: 0o600 })
    ) as [number, number];
    try {
      const script = 'echo "$1|$2|$A|$B"; ls -l /proc/$$/fd | grep -c "$3"; echo wrong >&2; ' +
        'grep -E "Sig(Blk|Ign)" /proc/self/status; exit 7';
      const pid = spawnProcess(libc, {
        program: "sh",
        args: ["-c", script, "sh", "ä b", "", directory],
        stdio: ["ignore", out, err],
        env: { PATH: Deno.env.get("PATH")!, A: "1=2", B: LONG },
      });
      assert.equal(exitCodeOf(libc, pid), 7);
      const [line, open, ...signals] = (await Deno.readTextFile(`${directory}/out`)).split("\n");
      assert.equal(line, `ä b||1=2|${LONG}`);
      // The files are its stdout and stderr, and nothing else.
      assert.equal(open, "2");
      const [blocked, ignored] = signals.map((text) => BigInt(`0x${text.split("\t")[1] ?? 0}`));
      assert.equal(blocked, 0n);
      assert.equal(ignored! & SIGPIPE, 0n);
      assert.equal(await Deno.readTextFile(`${directory}/err`), "wrong\n");
      assert.throws(
        () =>
          spawnProcess(libc, {
            program: "/no/such",
            args: [],
            stdio: ["ignore", out, err],
            env: {},
          }),
        /No such file or directory/,
      );
    } finally {
      libc.close(out);
      libc.close(err);
      await Deno.remove(directory, { recursive: true });
    }
  },
});
