import assert from "node:assert/strict";
import { fingerprint } from "./fingerprint.ts";

Deno.test("fingerprint() tells texts apart that differ in little", () => {
  const base = JSON.stringify({ spec: { replicas: 2, image: "registry.example/app:1.0.0" } });
  const texts = new Set([base, "", "a", "b", "ab", "ba", "aa", "aaa"]);
  for (let index = 0; index < base.length; index++) {
    for (let bit = 0; bit < 7; bit++) {
      const unit = String.fromCharCode(base.charCodeAt(index) ^ (1 << bit));
      texts.add(base.slice(0, index) + unit + base.slice(index + 1));
    }
    for (let other = index + 1; other < base.length; other++) {
      const swapped = [...base];
      [swapped[index], swapped[other]] = [swapped[other]!, swapped[index]!];
      texts.add(swapped.join(""));
    }
  }
  for (let number = 0; number < 50_000; number++) texts.add(`app-${number}`);
  const prints = [...texts].map(fingerprint);
  assert.equal(new Set(prints).size, texts.size);
  assert.ok(prints.every((print) => /^[0-9a-f]{16}$/.test(print)));
  // Each half alone is as good as 32 bits are: among so many texts hardly any look alike.
  for (const half of [0, 8]) {
    const halves = new Set(prints.map((print) => print.slice(half, half + 8)));
    assert.ok(texts.size - halves.size < 5, `${texts.size - halves.size} look alike`);
  }
});

Deno.test("fingerprint() is the same for the same text", () => {
  assert.equal(fingerprint("spinkube ✓"), fingerprint(["spinkube", "✓"].join(" ")));
});
