import assert from "node:assert/strict";
import { DEFAULT_LIVE_PAGE, parseLivePage } from "./live_page_option.ts";

const CASES = {
  "on": DEFAULT_LIVE_PAGE,
  "off": "off",
  "127.0.0.1:4000": { hostname: "127.0.0.1", port: 4000, isFlexible: false },
  "localhost:0": { hostname: "127.0.0.1", port: 0, isFlexible: false },
  "[::1]:4000": { hostname: "::1", port: 4000, isFlexible: false },
};

for (const [text, expected] of Object.entries(CASES)) {
  Deno.test(`parseLivePage() reads "${text}"`, () => {
    assert.deepEqual(parseLivePage(text), expected);
  });
}

for (
  const text of ["0.0.0.0:3080", "[::]:3080", "192.168.0.1:3080", "example.com:80", "3080", ""]
) {
  Deno.test(`parseLivePage() refuses "${text}"`, () => {
    assert.throws(() => parseLivePage(text), SyntaxError);
  });
}
