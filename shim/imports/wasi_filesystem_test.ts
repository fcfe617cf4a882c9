import assert from "node:assert/strict";
import type { Descriptor } from "./_descriptor.ts";
import { testContext } from "./_context_fixture.ts";
import type { Mount } from "./component_context.ts";
import { createWasiFilesystem } from "./wasi_filesystem.ts";
import type { InputStream } from "./wasi_io.ts";

const FOLLOW = { symlinkFollow: true };
const READ = { read: true };
const READ_WRITE = { read: true, write: true };

function preopens(mounts: Mount[]): [Descriptor, string][] {
  const filesystem = createWasiFilesystem(testContext({ mounts }));
  const { getDirectories } = filesystem["wasi:filesystem/preopens@0.2"] as {
    getDirectories(): [Descriptor, string][];
  };
  return getDirectories();
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function readAll(stream: InputStream): string {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    try {
      text += decoder.decode(stream.read(65_536n), { stream: true });
    } catch (error) {
      assert.deepEqual(error, { tag: "closed" });
      return text;
    }
  }
}

function names(directory: Descriptor): string[] {
  const stream = directory.readDirectory();
  const found: string[] = [];
  for (;;) {
    const entry = stream.readDirectoryEntry();
    if (!entry) return found.sort();
    found.push(`${entry.name} ${entry.type}`);
  }
}

/** Directory `in` (a file, a directory, links of all kinds) beside a secret that is outside. */
async function withTree(
  writable: boolean,
  run: (root: Descriptor, directory: string) => void | Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${directory}/in/sub/deep`, { recursive: true });
    await Deno.mkdir(`${directory}/out`);
    await Deno.writeTextFile(`${directory}/out/secret`, "secret");
    await Deno.writeTextFile(`${directory}/in/a.txt`, "hello");
    await Deno.writeTextFile(`${directory}/in/sub/b.txt`, "world");
    await Deno.symlink("sub/b.txt", `${directory}/in/good`);
    await Deno.symlink("../a.txt", `${directory}/in/sub/up`);
    await Deno.symlink("sub", `${directory}/in/subdir`);
    await Deno.symlink("../out/secret", `${directory}/in/bad`);
    await Deno.symlink("../out", `${directory}/in/baddir`);
    await Deno.symlink(`${directory}/out/secret`, `${directory}/in/absolute`);
    await Deno.symlink("loop", `${directory}/in/loop`);
    await Deno.symlink("missing", `${directory}/in/dangling`);
    const [[root]] = preopens([
      { hostPath: `${directory}/in`, guestPath: "/", writable },
    ]) as [[Descriptor, string]];
    await run(root, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("createWasiFilesystem() reads files and directories", () =>
  withTree(false, (root) => {
    const file = root.openAt(FOLLOW, "a.txt", {}, READ);
    assert.deepEqual(file.read(100n, 1n), [bytes("ello"), false]);
    assert.deepEqual(file.read(100n, 5n), [new Uint8Array(0), true]);
    assert.deepEqual(file.read(100n, 2n ** 63n), [new Uint8Array(0), true]);
    assert.equal(readAll(file.readViaStream(0n)), "hello");
    const stat = file.stat();
    assert.equal(stat.type, "regular-file");
    assert.equal(stat.size, 5n);
    assert.ok(Math.abs(Number(stat.dataModificationTimestamp!.seconds) - Date.now() / 1000) < 60);
    assert.deepEqual(file.getFlags(), { read: true, write: false });
    assert.equal(file.getType(), "regular-file");
    assert.equal(file.isSameObject(root.openAt(FOLLOW, "./sub/../a.txt", {}, READ)), true);
    assert.equal(file.isSameObject(root.openAt(FOLLOW, "good", {}, READ)), false);
    assert.deepEqual(file.metadataHash(), root.metadataHashAt({}, "a.txt"));
    assert.throws(() => file.readDirectory(), (error) => error === "not-directory");
    const sub = root.openAt(FOLLOW, "subdir", { directory: true }, READ);
    assert.deepEqual(names(sub), ["b.txt regular-file", "deep directory", "up symbolic-link"]);
    assert.equal(sub.getType(), "directory");
    assert.equal(root.statAt({}, "good").type, "symbolic-link");
    assert.equal(root.statAt(FOLLOW, "good").type, "regular-file");
    assert.equal(root.readlinkAt("good"), "sub/b.txt");
    assert.equal(readAll(root.openAt(FOLLOW, "sub/up", {}, READ).readViaStream(2n)), "llo");
  }));

Deno.test("createWasiFilesystem() streams large files in pieces", () =>
  withTree(false, async (root, directory) => {
    const size = 200_000;
    await Deno.writeFile(`${directory}/in/big`, new Uint8Array(size).fill(7));
    const file = root.openAt(FOLLOW, "big", {}, READ);
    const stream = file.readViaStream(0n);
    assert.equal(stream.read(1_000_000n).length, 65_536);
    assert.equal(stream.skip(10n), 10n);
    // The stream keeps the file open for itself.
    file[Symbol.dispose]();
    assert.equal(readAll(stream).length, size - 65_546);
    stream[Symbol.dispose]();
    assert.throws(() => file.read(1n, 0n), (error) => error === "bad-descriptor");
  }));

Deno.test("createWasiFilesystem() lets no path out of a mount", () =>
  withTree(true, async (root, directory) => {
    const sub = root.openAt(FOLLOW, "sub", { directory: true }, READ);
    const open = (path: string) => () => root.openAt(FOLLOW, path, {}, READ);
    const cases: [() => unknown, string][] = [
      [open("../out/secret"), "not-permitted"],
      [open("sub/../../out/secret"), "not-permitted"],
      [open("/a.txt"), "not-permitted"],
      [open(`${directory}/in/a.txt`), "not-permitted"],
      [open("bad"), "not-permitted"],
      [open("baddir/secret"), "not-permitted"],
      [open("subdir/../baddir/secret"), "not-permitted"],
      [open("absolute"), "not-permitted"],
      [open(".."), "not-permitted"],
      [open("loop"), "loop"],
      [open("dangling"), "no-entry"],
      [open(""), "no-entry"],
      [open("a\0b"), "invalid"],
      [open("a.txt/"), "not-directory"],
      [open("a.txt/x"), "not-directory"],
      [open("nope/x"), "no-entry"],
      // Each descriptor is a world of its own.
      [() => sub.openAt(FOLLOW, "../a.txt", {}, READ), "not-permitted"],
      [() => sub.openAt(FOLLOW, "up", {}, READ), "not-permitted"],
      [() => root.openAt({}, "good", {}, READ), "loop"],
      [() => root.statAt(FOLLOW, "bad"), "not-permitted"],
      [() => root.readlinkAt("absolute"), "not-permitted"],
      [() => root.openAt(FOLLOW, "bad", { create: true }, READ_WRITE), "not-permitted"],
      [() => root.createDirectoryAt("baddir/new"), "not-permitted"],
      [() => root.createDirectoryAt("../new"), "not-permitted"],
      [() => root.unlinkFileAt("baddir/secret"), "not-permitted"],
      [() => root.removeDirectoryAt("../out"), "not-permitted"],
      [() => root.renameAt("baddir/secret", root, "mine"), "not-permitted"],
      [() => root.renameAt("a.txt", root, "baddir/mine"), "not-permitted"],
      [() => root.linkAt({}, "baddir/secret", root, "mine"), "not-permitted"],
      [() => root.symlinkAt(directory, "mine"), "not-permitted"],
      [() => root.symlinkAt("x", "baddir/mine"), "not-permitted"],
      [() => root.removeDirectoryAt("."), "not-permitted"],
    ];
    for (const [run, expected] of cases) {
      assert.throws(run, (error) => {
        assert.equal(error, expected, run.toString());
        return true;
      });
    }
    root.symlinkAt("../out/secret", "made");
    assert.throws(open("made"), (error) => error === "not-permitted");
    assert.equal(await Deno.readTextFile(`${directory}/out/secret`), "secret");
    assert.deepEqual([...Deno.readDirSync(`${directory}/out`)].map(({ name }) => name), ["secret"]);
  }));

Deno.test("createWasiFilesystem() permits no change in a mount that is not writable", () =>
  withTree(false, (root) => {
    const file = root.openAt(FOLLOW, "a.txt", {}, READ);
    const now = { tag: "now" } as const;
    const cases: [() => unknown, string][] = [
      [() => root.openAt(FOLLOW, "a.txt", {}, READ_WRITE), "not-permitted"],
      [() => root.openAt(FOLLOW, "new", { create: true }, READ), "not-permitted"],
      [() => root.openAt(FOLLOW, "a.txt", { truncate: true }, READ), "not-permitted"],
      [() => file.write(bytes("x"), 0n), "not-permitted"],
      [() => file.setSize(0n), "not-permitted"],
      [() => file.setTimes(now, now), "not-permitted"],
      [() => file.writeViaStream(0n), "bad-descriptor"],
      [() => file.appendViaStream(), "bad-descriptor"],
      [() => root.setTimes(now, now), "not-permitted"],
      [() => root.setTimesAt(FOLLOW, "a.txt", now, now), "not-permitted"],
      [() => root.createDirectoryAt("new"), "not-permitted"],
      [() => root.removeDirectoryAt("sub"), "not-permitted"],
      [() => root.unlinkFileAt("a.txt"), "not-permitted"],
      [() => root.renameAt("a.txt", root, "b.txt"), "not-permitted"],
      [() => root.linkAt({}, "a.txt", root, "b.txt"), "not-permitted"],
      [() => root.symlinkAt("a.txt", "b.txt"), "not-permitted"],
    ];
    for (const [run, expected] of cases) {
      assert.throws(run, (error) => {
        assert.equal(error, expected, run.toString());
        return true;
      });
    }
    assert.deepEqual(root.getFlags(), { read: true, mutateDirectory: false });
    file.sync();
    file.advise(0n, 1n, "normal");
    file[Symbol.dispose]();
  }));

Deno.test("createWasiFilesystem() changes what a writable mount holds", () =>
  withTree(true, async (root, directory) => {
    const read = (path: string) => Deno.readTextFileSync(`${directory}/in/${path}`);
    const file = root.openAt(FOLLOW, "new", { create: true, exclusive: true }, READ_WRITE);
    assert.equal(file.write(bytes("hello world"), 0n), 11n);
    file.setSize(5n);
    const append = file.appendViaStream();
    append.blockingWriteAndFlush(bytes("!"));
    append[Symbol.dispose]();
    const write = file.writeViaStream(1n);
    assert.equal(write.checkWrite() > 0n, true);
    write.write(bytes("E"));
    write[Symbol.dispose]();
    assert.equal(read("new"), "hEllo!");
    const time = {
      tag: "timestamp",
      val: { seconds: 1_000_000n, nanoseconds: 500_000_000 },
    } as const;
    file.setTimes({ tag: "no-change" }, time);
    assert.deepEqual(file.stat().dataModificationTimestamp, time.val);
    root.setTimesAt({}, "good", time, time);
    assert.deepEqual(root.statAt({}, "good").dataModificationTimestamp, time.val);
    assert.notDeepEqual(root.statAt(FOLLOW, "good").dataModificationTimestamp, time.val);
    file.syncData();
    file[Symbol.dispose]();
    root.openAt(FOLLOW, "new", { truncate: true }, { write: true })[Symbol.dispose]();
    assert.equal(read("new"), "");
    root.createDirectoryAt("dir/");
    root.renameAt("a.txt", root.openAt(FOLLOW, "dir", { directory: true }, READ), "moved");
    assert.equal(read("dir/moved"), "hello");
    root.linkAt({}, "dir/moved", root, "hard");
    root.symlinkAt("hard", "soft");
    assert.equal(read("soft"), "hello");
    root.unlinkFileAt("soft");
    root.unlinkFileAt("dir/moved");
    root.removeDirectoryAt("dir");
    const failures: [() => unknown, string][] = [
      [() => root.openAt({}, "new", { create: true, exclusive: true }, READ_WRITE), "exist"],
      [() => root.openAt({}, "sub", { create: true }, READ_WRITE), "is-directory"],
      [() => root.openAt({}, "new", { directory: true }, READ), "not-directory"],
      [() => root.openAt({}, "x/", { create: true }, READ_WRITE), "is-directory"],
      [() => root.removeDirectoryAt("sub"), "not-empty"],
      [() => root.removeDirectoryAt("hard"), "not-directory"],
      [() => root.unlinkFileAt("sub"), "is-directory"],
      [() => root.createDirectoryAt("sub"), "exist"],
      [() => root.linkAt(FOLLOW, "hard", root, "z"), "invalid"],
      [() => root.readlinkAt("hard"), "invalid"],
    ];
    for (const [run, expected] of failures) {
      assert.throws(run, (error) => {
        assert.equal(error, expected, run.toString());
        return true;
      });
    }
    assert.equal(await Deno.lstat(`${directory}/in/hard`).then(({ isFile }) => isFile), true);
  }));

Deno.test("createWasiFilesystem() lays single files over directories", () =>
  withTree(true, (_root, directory) => {
    const [first, second] = preopens([
      { hostPath: `${directory}/in`, guestPath: "/data", writable: true },
      { hostPath: `${directory}/out/secret`, guestPath: "/data/sub/given", writable: false },
      { hostPath: `${directory}/out/secret`, guestPath: "/data/fresh/given", writable: false },
      { hostPath: `${directory}/out/secret`, guestPath: "/etc/given", writable: false },
    ]);
    const [data, dataPath] = first!;
    const [virtual, virtualPath] = second!;
    assert.deepEqual([dataPath, virtualPath], ["/data", "/"]);
    for (
      const [root, path] of [[data, "sub/given"], [data, "fresh/given"], [
        virtual,
        "etc/given",
      ]] as const
    ) {
      const file = root.openAt(FOLLOW, path, {}, READ);
      assert.equal(readAll(file.readViaStream(0n)), "secret");
      file[Symbol.dispose]();
      assert.throws(() => root.unlinkFileAt(path), (error) => error === "not-permitted");
    }
    assert.deepEqual(names(virtual), ["etc directory"]);
    assert.equal(virtual.stat().type, "directory");
    const etc = virtual.openAt(FOLLOW, "etc", { directory: true }, READ);
    assert.deepEqual(names(etc), ["given regular-file"]);
    assert.ok(names(data).includes("fresh directory"));
    assert.ok(names(data).includes("a.txt regular-file"));
    assert.throws(() => etc.openAt(FOLLOW, "other", {}, READ), (error) => error === "no-entry");
    assert.throws(
      () => virtual.openAt(FOLLOW, "new", { create: true }, READ_WRITE),
      (error) => error === "not-permitted",
    );
  }));

Deno.test("createWasiFilesystem() keeps a component's open files within a limit", () =>
  withTree(false, (root) => {
    const open: Descriptor[] = [];
    assert.throws(() => {
      for (;;) open.push(root.openAt(FOLLOW, "a.txt", {}, READ));
    }, (error) => error === "insufficient-memory");
    for (const descriptor of open) descriptor[Symbol.dispose]();
    root.openAt(FOLLOW, "a.txt", {}, READ)[Symbol.dispose]();
  }));

Deno.test("createWasiFilesystem() gives a component without mounts nothing", () => {
  assert.deepEqual(preopens([]), []);
});
