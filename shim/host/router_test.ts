import assert from "node:assert/strict";
import { Router } from "./router.ts";

function routerOf(...routes: string[]): Router<string> {
  return new Router(routes.map((route) => ({ route, target: route })));
}

Deno.test("Router.match() finds the most specific route", async (t) => {
  const cases: { routes: string[]; matches: Record<string, string | undefined> }[] = [
    {
      routes: ["/..."],
      matches: { "/": "/...", "/a": "/...", "/a/b/": "/...", "": "/..." },
    },
    {
      routes: ["/", "/..."],
      matches: { "/": "/", "//": "/", "/x": "/..." },
    },
    {
      routes: ["/a/...", "/a/b", "/a/:x"],
      matches: {
        "/a": "/a/...",
        "/a/": "/a/...",
        "/a/b": "/a/b",
        "/a/b/": "/a/b",
        "/a/c": "/a/:x",
        "/a/b/c": "/a/...",
        "/ab": undefined,
      },
    },
    {
      routes: ["/users/:id/...", "/users/admin/x", "/:any/...", "/users/:id/edit"],
      matches: {
        "/users/admin/x": "/users/admin/x",
        "/users/admin/y": "/users/:id/...",
        "/users/1/edit": "/users/:id/edit",
        "/users/": "/:any/...",
        "/users": "/:any/...",
      },
    },
    {
      routes: ["foo/*", "/bar/"],
      matches: { "/foo/x": "foo/*", "/foo": "foo/*", "/bar": "/bar/", "/bar/x": undefined },
    },
    {
      routes: ["/:file.json", "/:file"],
      matches: { "/a.json": "/:file.json", "/a.txt": "/:file", "/a": "/:file" },
    },
    {
      routes: ["/.../x", "/a//b"],
      matches: { "/.../x": "/.../x", "/q/x": undefined, "/a//b": "/a//b", "/a/b": undefined },
    },
    { routes: ["/Case"], matches: { "/case": undefined, "/Case": "/Case", "/%43ase": undefined } },
  ];
  for (const { routes, matches } of cases) {
    const router = routerOf(...routes);
    for (const [path, expected] of Object.entries(matches)) {
      await t.step(`${routes.join(" ")} given ${path}`, () => {
        assert.equal(router.match(path)?.target, expected);
      });
    }
  }
});

Deno.test("Router.match() gives path info and parameters as Spin does", () => {
  const router = routerOf("/users/:id/...", "/exact", "/base/:path_segment/:path_end/...");
  const pathInfo: Record<string, string> = {
    "/users/42": "",
    "/users/42/": "/",
    "/users/42///": "/",
    "/users/42/hello": "/hello",
    "/users/42/hello/": "/hello/",
    "/exact": "",
    "/exact/": "",
  };
  for (const [path, expected] of Object.entries(pathInfo)) {
    assert.equal(router.match(path)?.pathInfo, expected, path);
  }
  assert.deepEqual(router.match("/base/a%20b/end/rest")?.params, [
    ["path_segment", "a%20b"],
    ["path_end", "end"],
  ]);
});

Deno.test("Router gives equal patterns to the last one and names the others", () => {
  const router = new Router([
    { route: "/a", target: "first" },
    { route: "/a/", target: "second" },
  ]);
  assert.equal(router.match("/a")?.target, "second");
  assert.deepEqual(router.duplicates, [{ target: "first", route: "/a", winner: "second" }]);
});
