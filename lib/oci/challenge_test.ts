import assert from "node:assert/strict";
import { parseChallenges } from "./challenge.ts";

const CASES: readonly (readonly [text: string, challenges: unknown[]])[] = [
  ["", []],
  ["Basic", [{ scheme: "basic", parameters: {} }]],
  ['Basic realm="Registry"', [{ scheme: "basic", parameters: { realm: "Registry" } }]],
  [
    'Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull,push"',
    [{
      scheme: "bearer",
      parameters: {
        realm: "https://auth.example/token",
        service: "r.example",
        scope: "repository:a/b:pull,push",
      },
    }],
  ],
  [
    'BASIC realm="a \\"b\\"", bearer Realm = https://x , error=invalid',
    [
      { scheme: "basic", parameters: { realm: 'a "b"' } },
      { scheme: "bearer", parameters: { realm: "https://x", error: "invalid" } },
    ],
  ],
  ['Bearer realm="unfinished', [{ scheme: "bearer", parameters: {} }]],
];

for (const [text, challenges] of CASES) {
  Deno.test(`parseChallenges() reads ${JSON.stringify(text).slice(0, 60)}`, () => {
    const plain = parseChallenges(text).map(({ scheme, parameters }) => ({
      scheme,
      parameters: { ...parameters },
    }));
    assert.deepEqual(plain, challenges);
  });
}
