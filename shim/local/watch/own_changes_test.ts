import assert from "node:assert/strict";
import { type FileTimes, OwnChanges } from "./own_changes.ts";

function at(changed: number, made = 0): FileTimes {
  return { mtime: new Date(changed), birthtime: new Date(made) };
}

/** A build from 1000 to 2000, with the clock at `now` afterwards. */
function afterBuild(now: number): OwnChanges {
  const clock = { now: 1000 };
  const own = new OwnChanges(() => clock.now);
  const end = own.begin();
  clock.now = 2000;
  end();
  clock.now = now;
  return own;
}

const CASES: readonly (readonly [what: string, times: FileTimes, now: number, ofUser: boolean])[] =
  [
    ["was changed before any of it", at(500), 2100, true],
    ["was changed after the build", at(2500), 2600, true],
    ["was made by the build", at(1500, 1400), 2100, false],
    ["was there and changed during the build", at(1500, 10), 2100, true],
    ["went away during the build", undefined, 2100, false],
    ["went away later", undefined, 3000, true],
  ];

for (const [what, times, now, ofUser] of CASES) {
  Deno.test(`isOfUser() is ${ofUser} for a file that ${what}`, () => {
    assert.equal(afterBuild(now).isOfUser("/a", times), ofUser);
  });
}

Deno.test("isOfUser() is false for a file that builds change again and again", () => {
  const own = afterBuild(2100);
  assert.equal(own.isOfUser("/a", at(1500, 10)), true);
  assert.equal(own.isOfUser("/a", at(1600, 10)), false);
});

Deno.test("isOfUser() is true for a file the user has edited, though an editor makes it anew", () => {
  const own = afterBuild(2100);
  assert.equal(own.isOfUser("/a", at(2050, 2050)), true);
  assert.equal(own.isOfUser("/a", at(1500, 1500)), true);
});
