import assert from "node:assert/strict";
import { checkRoutePattern, validateHttpGlobals, validateHttpTrigger } from "./http_trigger.ts";
import type { JsonObject } from "./locked_app.ts";

Deno.test("checkRoutePattern() refuses what no router understands", () => {
  const right = ["/", "", "a", "/...", "/*", "*", "/a/:b/:c.json/...", "/.../x", "/a//b", "/a:b"];
  for (const route of right) assert.equal(checkRoutePattern(route), undefined, route);
  const wrong: [string, RegExp][] = [
    ["/:", /^params must be named$/],
    ["/a/:/b", /^params must be named$/],
    ["/:.json", /^params must be named$/],
    ["/*name", /it does not need a name\. replace `\*name` with `\*`$/],
    ["/a/*/b", /^a wildcard must be the last segment$/],
  ];
  for (const [route, expected] of wrong) {
    assert.match(checkRoutePattern(route) ?? "", expected, route);
  }
});

Deno.test("validateHttpTrigger() finds what is wrong, and where", () => {
  const right = { component: "c", route: "/" };
  const cases: [config: JsonObject, path: (string | number)[], message: RegExp][] = [
    [
      { ...right, components: {} },
      ["components"],
      /^unknown field `components`; did you mean "component"\?$/,
    ],
    [{ ...right, route: 1 }, ["route"], /route must be a string pattern or/],
    [{ ...right, route: { private: true, x: 1 } }, ["route", "x"], /unknown field `x`/],
    [{ ...right, executor: "http" }, ["executor"], /executor must be/],
    [{ ...right, executor: { type: "htp" } }, ["executor", "type"], /did you mean "http"/],
    [{ ...right, executor: { type: "wagi", argv: 1 } }, ["executor", "argv"], /must be a string/],
    [{ route: "/", static_response: "x" }, ["static_response"], /must be a table/],
    [
      { route: "/", static_response: { status_code: 99 } },
      ["static_response", "status_code"],
      /200 to 599/,
    ],
    [{ route: "/", static_response: { body: 1 } }, ["static_response", "body"], /must be a string/],
    [
      { route: "/", static_response: { headers: [] } },
      ["static_response", "headers"],
      /must be a table/,
    ],
    [
      { route: "/", static_response: { headers: { a: 1 } } },
      ["static_response", "headers", "a"],
      /must be a string/,
    ],
    [{ route: "/", static_response: { headers: { "a b": "" } } }, [
      "static_response",
      "headers",
      "a b",
    ], /not a valid HTTP header/],
  ];
  assert.deepEqual(validateHttpTrigger(right, "t"), []);
  for (const [config, path, message] of cases) {
    const problems = validateHttpTrigger(config, "t");
    assert.equal(problems.length, 1, JSON.stringify(config));
    assert.deepEqual(problems[0]!.path, path);
    assert.match(problems[0]!.message, message);
  }
});

Deno.test("validateHttpGlobals() knows nothing but the old base", () => {
  assert.deepEqual(validateHttpGlobals({}), []);
  assert.deepEqual(validateHttpGlobals({ base: "/" }), []);
  assert.equal(validateHttpGlobals({ base: "/x", y: 1 }).length, 2);
});
