import assert from "node:assert/strict";
import { checkKebabId } from "../../loader/identifiers.ts";
import { checkAppName, directoryOf, toKebabCase } from "./app_name.ts";

const RIGHT: readonly (readonly [name: string, id: string, directory: string])[] = [
  ["hello", "hello", "hello"],
  ["hello1-again1", "hello1-again1", "hello1-again1"],
  ["myApp", "my-app", "myApp"],
  ["my_app.two", "my-app-two", "my_app.two"],
  ["HTTPServer2", "http-server2", "HTTPServer2"],
  ["shop A", "shop-a", "shop_A"],
];

for (const [name, id, directory] of RIGHT) {
  Deno.test(`checkAppName() takes "${name}", which becomes "${id}"`, () => {
    assert.equal(checkAppName(name), undefined);
    assert.equal(toKebabCase(name), id);
    assert.equal(checkKebabId(id), undefined);
    assert.equal(directoryOf(name), directory);
  });
}

const WRONG: readonly (readonly [name: string, problem: RegExp])[] = [
  ["123", /^Each segment of the name must start with a letter\. '123' does not start/],
  ["1hello", /'1hello' does not start with a letter$/],
  ["Proj123!.456", /'', '456' do not start with a letter$/],
  ["", /'' does not start/],
  ["../up", /'', '', '' do not start/],
  ["-t", /'' does not start/],
  ["café", /no letters other than a to z; it has 'é'$/],
];

for (const [name, problem] of WRONG) {
  Deno.test(`checkAppName() refuses "${name}"`, () => {
    assert.match(checkAppName(name) ?? "", problem);
  });
}
