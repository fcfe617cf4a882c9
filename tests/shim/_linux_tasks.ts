/**
 * Ordinary containers, driven by `ctr`: they have to behave as with containerd's own shim.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RUNTIME } from "../../crds/contract.ts";
import { assertNothingLeft, mountsOf, shimPid } from "../support/containerd_leftovers.ts";
import type { ContainerdNode } from "../support/containerd_node.ts";
import { run, type RunResult } from "../support/run.ts";
import { BUSYBOX_IMAGE } from "../support/test_images.ts";
import { waitUntil } from "../support/wait.ts";
import type { Case } from "./_case.ts";

/** Arguments of `ctr` that run a container of busybox. */
function runArguments(id: string, command: readonly string[], flags: readonly string[] = []) {
  return ["run", "--runtime", RUNTIME.type, ...flags, BUSYBOX_IMAGE, id, ...command];
}

function shell(script: string): string[] {
  return ["sh", "-c", script];
}

async function expectSuccess(result: Promise<RunResult>): Promise<string> {
  const { code, stdout, stderr } = await result;
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

/** A container that runs until it is removed. */
async function detached(
  node: ContainerdNode,
  id: string,
  { script = "while :; do sleep 0.1; done", flags = [] as readonly string[] } = {},
): Promise<AsyncDisposable> {
  await expectSuccess(node.ctr(runArguments(id, shell(script), ["-d", ...flags])));
  return {
    async [Symbol.asyncDispose]() {
      await node.ctr(["task", "rm", "-f", id]);
      await node.ctr(["container", "rm", id]);
    },
  };
}

/** State and pid of a task, as `ctr task ls` has them. */
async function taskOf(node: ContainerdNode, id: string): Promise<{ pid: number; state: string }> {
  const list = await expectSuccess(node.ctr(["task", "ls"]));
  const [, pid, state] = new RegExp(`^${id}\\s+(\\d+)\\s+(\\w+)`, "m").exec(list) ?? [];
  assert.ok(state, `"${id}" is not in the list:\n${list}`);
  return { pid: Number(pid), state };
}

async function waitForState(node: ContainerdNode, id: string, state: string): Promise<void> {
  await waitUntil(async () => (await taskOf(node, id)).state === state, {
    what: `task "${id}" to be ${state}`,
  });
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]);
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** containerd's events while `work` runs: their topics without `/tasks/`, of one container. */
async function eventsDuring(
  node: ContainerdNode,
  { id, until, work }: { id: string; until: string; work: () => Promise<unknown> },
): Promise<{ topics: string[]; lines: string[] }> {
  const child = new Deno.Command(node.ctrProgram, {
    args: node.ctrArguments(["events"]),
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  const reading = (async () => {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) text += chunk;
  })();
  const lines = () => text.split("\n").filter((line) => line.includes(`"container_id":"${id}"`));
  const topics = () => lines().map((line) => / \/tasks\/(\S+)/.exec(line)?.[1] ?? "?");
  try {
    // Its subscription has no sign; it is there soon after the process is.
    await new Promise((resolve) => setTimeout(resolve, 300));
    await work();
    await waitUntil(() => topics().includes(until), {
      what: `event "${until}"`,
      explain: () => text,
    });
    return { topics: topics(), lines: lines() };
  } finally {
    child.kill("SIGKILL");
    await child.status;
    await reading;
  }
}

/** Runs `ctr` in a terminal of 44 rows and 120 columns. */
async function inTerminal(
  node: ContainerdNode,
  args: readonly string[],
): Promise<{ code: number; stdout: string }> {
  const command = [node.ctrProgram, ...node.ctrArguments(args)].join(" ");
  // Its input stays open: at the end of it `script` stops to show what comes.
  const child = new Deno.Command("script", {
    args: ["-qec", `stty rows 44 cols 120; ${command}`, "/dev/null"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const { code, stdout } = await child.output();
  await child.stdin.close();
  return { code, stdout: new TextDecoder().decode(stdout) };
}

/** The cases. */
export const LINUX_TASKS: readonly Case[] = [
  {
    name: "run hands on both streams and the exit code, and leaves nothing",
    async run(node) {
      const script = "echo o; echo e >&2; exit 3";
      const result = await node.ctr(runArguments("streams", shell(script), ["--rm"]));
      assert.deepEqual(result, { code: 3, stdout: "o\n", stderr: "e\n" });
      await assertNothingLeft(node);
    },
  },
  {
    name: "a container has its image's environment and nothing of the node's",
    async run(node) {
      const stdout = await expectSuccess(
        node.ctr(runArguments("env", ["env"], ["--rm", "--env", "OF_TEST=1"])),
      );
      assert.deepEqual(
        stdout.trim().split("\n").filter((line) => !/^(SHLVL|PWD|HOSTNAME|HOME)=/.test(line))
          .sort(),
        ["OF_IMAGE=busybox", "OF_TEST=1", "PATH=/bin"],
      );
    },
  },
  {
    name: "scripts of the image on its own PATH are run",
    async run(node) {
      const flags = ["--rm", "--env", "WORD=meaning"];
      assert.equal(
        await expectSuccess(node.ctr(runArguments("script", ["own-script"], flags))),
        "a script with meaning\n",
      );
    },
  },
  {
    name: "a pipe in a container gets SIGPIPE",
    async run(node) {
      const result = node.ctr(runArguments("pipe", shell("yes | head -n 1"), ["--rm"]));
      assert.equal(await expectSuccess(result), "y\n");
    },
  },
  {
    name: "a container's program ignores no signal that it heeds under containerd's own shim",
    async run(node) {
      const script = "while read -r line; do echo $line; done </proc/self/status";
      const ours = runArguments("signals", shell(script), ["--rm"]);
      const theirs = ours.map((word) => word === RUNTIME.type ? "io.containerd.runc.v2" : word);
      const [own, expected] = [await node.ctr(ours), await node.ctr(theirs)]
        .map(({ stdout }) => BigInt(`0x${/^SigIgn: ([0-9a-f]{16})$/m.exec(stdout)![1]}`));
      // Signals that glibc keeps for itself may be ignored by whoever started containerd; a program that
      // has glibc in it does not hand that on.
      assert.equal(own! & ~expected!, 0n, `${own!.toString(16)}, not ${expected!.toString(16)}`);
    },
  },
  {
    name: "stdin is passed on to its end",
    async run(node) {
      const ctr = node.ctrArguments(runArguments("stdin", ["wc", "-l"], ["--rm"])).join(" ");
      // ctr closes stdin only if it ends after the container was started.
      const script = `(sleep 1; seq 1 20000) | ${node.ctrProgram} ${ctr}`;
      assert.equal((await expectSuccess(run("sh", ["-c", script]))).trim(), "20000");
    },
  },
  {
    name: "a detached task is RUNNING with a pid of its own, a child of its shim",
    async run(node) {
      await using _ = await detached(node, "detached");
      const { pid, state } = await taskOf(node, "detached");
      assert.equal(state, "RUNNING");
      assert.equal(parentOf(pid), shimPid(node, "detached"));
      assert.match(
        await expectSuccess(node.ctr(["task", "ps", "detached"])),
        RegExp(`^${pid}\\b`, "m"),
      );
    },
  },
  {
    name: "exec hands on streams and exit code",
    async run(node) {
      await using _ = await detached(node, "exec");
      const script = "echo out; echo err >&2; exit 7";
      const result = await node.ctr(["task", "exec", "--exec-id", "e1", "exec", ...shell(script)]);
      assert.deepEqual(result, { code: 7, stdout: "out\n", stderr: "err\n" });
      const missing = await node.ctr([
        "task",
        "exec",
        "--exec-id",
        "e2",
        "exec",
        "no-such-program",
      ]);
      assert.notEqual(missing.code, 0);
      assert.match(missing.stderr, /no-such-program/);
    },
  },
  {
    name: "exec and run with a terminal have one of the window's size",
    async run(node) {
      await using _ = await detached(node, "terminal");
      const exec = await inTerminal(node, [
        "task",
        "exec",
        "-t",
        "--exec-id",
        "t1",
        "terminal",
        "tty",
      ]);
      assert.match(exec.stdout, /\/dev\/pts\/\d/);
      // ctr tells the size only after the start.
      const command = [
        "sh",
        "-c",
        "'until [ -n \"$(stty size)\" ]; do sleep 0.1; done; stty size'",
      ];
      const size = await inTerminal(node, runArguments("terminal-run", command, ["--rm", "-t"]));
      assert.match(size.stdout, /44 120/);
      assert.equal(size.code, 0, size.stdout);
    },
  },
  {
    name: "what a process writes to its terminal before it ends arrives",
    async run(node) {
      await using _ = await detached(node, "last-words");
      for (let index = 0; index < 5; index++) {
        const command = ["sh", "-c", "'sleep 0.1; seq 1 2000; echo last; exit 4'"];
        const exec = ["task", "exec", "-t", "--exec-id", `e${index}`, "last-words", ...command];
        const { code, stdout } = await inTerminal(node, exec);
        assert.equal(code, 4);
        assert.match(stdout, /2000\r+\nlast\r+\n$/);
      }
    },
  },
  {
    name: "kill ends a task with 128 and the signal, a second one finds nothing",
    async run(node) {
      await using _ = await detached(node, "kill");
      await expectSuccess(node.ctr(["task", "kill", "-s", "SIGKILL", "kill"]));
      await waitForState(node, "kill", "STOPPED");
      const again = await node.ctr(["task", "kill", "-s", "SIGKILL", "kill"]);
      assert.match(again.stderr, /process already finished: not found/);
      const removed = await node.ctr(["task", "rm", "kill"]);
      assert.match(removed.stdout + removed.stderr, /137|^$/);
    },
  },
  {
    name: "metrics have memory, CPU and processes",
    async run(node) {
      await using _ = await detached(node, "metrics");
      const text = await expectSuccess(
        node.ctr(["task", "metrics", "--format", "json", "metrics"]),
      );
      const metrics = JSON.parse(text);
      const memory = metrics.memory.usage.usage ?? metrics.memory.usage;
      const cpu = metrics.cpu.usage?.total ?? metrics.cpu.usage_usec;
      assert.ok(Number(memory) > 10_000, text);
      assert.ok(Number(cpu) > 0, text);
      assert.ok(Number(metrics.pids.current) >= 1, text);
    },
  },
  {
    name: "pause stops a task, resume continues it",
    async run(node) {
      await using _ = await detached(node, "pause");
      await expectSuccess(node.ctr(["task", "pause", "pause"]));
      assert.equal((await taskOf(node, "pause")).state, "PAUSED");
      await expectSuccess(node.ctr(["task", "resume", "pause"]));
      assert.equal((await taskOf(node, "pause")).state, "RUNNING");
    },
  },
  {
    name: "events come in order, those of an exec between",
    async run(node) {
      const { topics, lines } = await eventsDuring(node, {
        id: "events",
        until: "delete",
        work: async () => {
          await expectSuccess(node.ctr(runArguments("events", ["sleep", "1"], ["-d"])));
          await node.ctr(["task", "exec", "--exec-id", "e1", "events", "true"]);
          await waitForState(node, "events", "STOPPED");
          await node.ctr(["task", "rm", "events"]);
          await node.ctr(["container", "rm", "events"]);
        },
      });
      assert.deepEqual(topics, [
        "create",
        "start",
        "exec-added",
        "exec-started",
        "exit",
        "exit",
        "delete",
      ]);
      const exits = lines.filter((line) => line.includes("/tasks/exit"));
      assert.match(exits[0]!, /"id":"e1"/);
      assert.match(exits[1]!, /"id":"events"/);
    },
  },
  {
    name:
      "a container of a program that is not there is refused with a message, and leaves nothing",
    async run(node) {
      const { code, stderr } = await node.ctr(
        runArguments("absent", ["no-such-program"], ["--rm"]),
      );
      assert.notEqual(code, 0);
      assert.match(stderr, /exec: "no-such-program": executable file not found in \$PATH/);
      await node.ctr(["container", "rm", "absent"]);
      await assertNothingLeft(node);
    },
  },
  {
    name: "output that nobody reads blocks a container, which can still be killed",
    async run(node) {
      await using _ = await detached(node, "flood", { script: "while :; do echo flood; done" });
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.equal((await taskOf(node, "flood")).state, "RUNNING");
      await expectSuccess(node.ctr(["task", "kill", "-s", "SIGKILL", "flood"]));
      await waitForState(node, "flood", "STOPPED");
    },
  },
  {
    name: "a container whose reader dies goes on",
    async run(node) {
      const script = "while :; do echo line || exit 9; sleep 0.02; done";
      const reader = new Deno.Command(node.ctrProgram, {
        args: node.ctrArguments(runArguments("reader", shell(script))),
        stdin: "null",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      try {
        const first = await reader.stdout.getReader().read();
        assert.match(new TextDecoder().decode(first.value), /^line\n/);
        reader.kill("SIGKILL");
        await reader.status;
        await new Promise((resolve) => setTimeout(resolve, 300));
        assert.equal((await taskOf(node, "reader")).state, "RUNNING");
      } finally {
        await node.ctr(["task", "rm", "-f", "reader"]);
        await node.ctr(["container", "rm", "reader"]);
      }
    },
  },
  {
    name: "containers of one sandbox have one shim, which outlives all but the last",
    async run(node) {
      const annotation = (type: string) => [
        ...["--annotation", "io.kubernetes.cri.sandbox-id=group"],
        ...["--annotation", `io.kubernetes.cri.container-type=${type}`],
      ];
      let pid: number;
      {
        await using _sandbox = await detached(node, "group", { flags: annotation("sandbox") });
        pid = shimPid(node, "group");
        {
          await using _container = await detached(node, "member", {
            flags: annotation("container"),
          });
          assert.equal(parentOf((await taskOf(node, "member")).pid), pid);
        }
        assert.ok(isAlive(pid));
        assert.equal((await taskOf(node, "group")).state, "RUNNING");
      }
      await waitUntil(() => !isAlive(pid), { what: "the shim to end" });
      await assertNothingLeft(node);
    },
  },
  {
    name: "a killed shim takes its container with it, and events tell so",
    async run(node) {
      await expectSuccess(node.ctr(runArguments("killed", ["sleep", "1000"], ["-d"])));
      const { pid } = await taskOf(node, "killed");
      const { lines } = await eventsDuring(node, {
        id: "killed",
        until: "delete",
        work: async () => {
          Deno.kill(shimPid(node, "killed"), "SIGKILL");
          await waitUntil(() => !isAlive(pid), { what: "the container to end", timeoutMs: 5_000 });
        },
      });
      const exit = lines.find((line) => line.includes("/tasks/exit"));
      assert.match(exit ?? "", /"exit_status":137/);
      await waitUntil(() => mountsOf(node).length === 0, { what: "the root to be unmounted" });
      await node.ctr(["task", "rm", "-f", "killed"]);
      await expectSuccess(node.ctr(["container", "rm", "killed"]));
      await assertNothingLeft(node);
    },
  },
  {
    name: "tasks outlive containerd, and what happens meanwhile is known afterwards",
    async run(node) {
      await using _ends = await detached(node, "ends", { script: "sleep 1.5; exit 6" });
      await using _stays = await detached(node, "stays");
      const before = await taskOf(node, "stays");
      await node.end();
      await waitUntil(() => !hasProcess("sleep\0" + "1.5"), { what: "the other task to end" });
      await node.launch();
      assert.deepEqual(await taskOf(node, "stays"), before);
      await waitForState(node, "ends", "STOPPED");
      const removed = await node.ctr(["task", "rm", "ends"]);
      assert.match(removed.stdout + removed.stderr, /exit code 6/);
      const exec = ["task", "exec", "--exec-id", "after", "stays", ...shell("exit 4")];
      assert.equal((await node.ctr(exec)).code, 4);
      await expectSuccess(node.ctr(["task", "kill", "-s", "SIGKILL", "stays"]));
      await waitForState(node, "stays", "STOPPED");
    },
  },
  {
    name: "many short containers leave nothing",
    async run(node) {
      for (let round = 0; round < 3; round++) {
        const ids = [1, 2, 3, 4].map((index) => `short-${round}-${index}`);
        const results = await Promise.all(
          ids.map((id) => node.ctr(runArguments(id, shell(`echo ${id}`), ["--rm"]))),
        );
        assert.deepEqual(results.map(({ stdout }) => stdout), ids.map((id) => `${id}\n`));
      }
      await assertNothingLeft(node);
    },
  },
];

function hasProcess(command: string): boolean {
  return [...Deno.readDirSync("/proc")].some(({ name }) => {
    try {
      return Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(command);
    } catch {
      // Not a process, or one that has ended.
      return false;
    }
  });
}
