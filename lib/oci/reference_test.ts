import assert from "node:assert/strict";
import { formatOciReference, parseOciReference, repositoryBaseName } from "./reference.ts";

const HEX = "a".repeat(64);

const ACCEPTED: readonly (readonly [text: string, full: string, name: string])[] = [
  ["bacongobbler/hello-rust", "docker.io/bacongobbler/hello-rust", "hello-rust"],
  ["bacongobbler/hello-rust:v1.0.0", "docker.io/bacongobbler/hello-rust:v1.0.0", "hello-rust"],
  ["ghcr.io/foo/example-app:v0.1.0", "ghcr.io/foo/example-app:v0.1.0", "example-app"],
  [
    "ghcr.io/a/b/runtime-class-manager",
    "ghcr.io/a/b/runtime-class-manager",
    "runtime-class-manager",
  ],
  ["nginx", "docker.io/library/nginx", "nginx"],
  ["nginx:latest", "docker.io/library/nginx:latest", "nginx"],
  ["index.docker.io/nginx", "docker.io/library/nginx", "nginx"],
  ["localhost/app", "localhost/app", "app"],
  ["localhost:5000/app", "localhost:5000/app", "app"],
  ["[::1]:5000/app:1", "[::1]:5000/app:1", "app"],
  [`ttl.sh/hello-spinkube@sha256:${HEX}`, `ttl.sh/hello-spinkube@sha256:${HEX}`, "hello-spinkube"],
  [`a.b/c:1@sha256:${HEX}`, `a.b/c:1@sha256:${HEX}`, "c"],
  ["a/my_app", "docker.io/a/my_app", "my_app"],
  ["a/x__y--z.w", "docker.io/a/x__y--z.w", "x__y--z.w"],
];

for (const [text, full, name] of ACCEPTED) {
  Deno.test(`parseOciReference() accepts ${text}`, () => {
    const reference = parseOciReference(text);
    assert.equal(formatOciReference(reference), full);
    assert.equal(repositoryBaseName(reference), name);
  });
}

const REFUSED: readonly string[] = [
  "",
  "this is not a reference",
  "app!",
  "MyOrg/app",
  "a//b",
  "a/b/",
  "-a/b",
  "a/b:",
  `a/b:${"t".repeat(129)}`,
  "a/b@sha256:abc",
  `a/b@md5:${"a".repeat(32)}`,
  `a/b@sha512:${HEX}`,
  "a..b/c..d",
  "a/x___y",
  HEX,
  `a.b/${"c".repeat(252)}`,
  "constructor@constructor:aa",
];

for (const text of REFUSED) {
  Deno.test(`parseOciReference() refuses ${JSON.stringify(text).slice(0, 60)}`, () => {
    assert.throws(() => parseOciReference(text), SyntaxError);
  });
}
