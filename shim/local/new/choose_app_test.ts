import assert from "node:assert/strict";
import { parseCommandLine } from "../../../lib/command_line.ts";
import { UsageError } from "../../../lib/errors.ts";
import { type Choice, chooseApp } from "./choose_app.ts";
import { NEW } from "./new_options.ts";
import { TEMPLATES } from "./templates.ts";

const CWD = "/work dir/shop";

async function choose(
  line: string,
  answers?: string[],
): Promise<{ choice: Choice; told: string[] }> {
  const args = line.split(" ").filter((word) => word !== "");
  const parsed = parseCommandLine(NEW, args, { environment: () => undefined });
  assert.ok(parsed.kind === "run");
  const told: string[] = [];
  const choice = await chooseApp(parsed.values, {
    words: parsed.words,
    templates: TEMPLATES,
    cwd: CWD,
    ask: answers && ((question) => {
      told.push(question);
      return Promise.resolve(answers.shift()!);
    }),
    tell: (text) => told.push(text),
  });
  return { choice, told };
}

const RIGHT: readonly (readonly [line: string, template: string, name: string, where: string])[] = [
  ["cart -t http-ts", "http-ts", "cart", `${CWD}/cart`],
  ["http-ts cart", "http-ts", "cart", `${CWD}/cart`],
  ["my/cart -t http-js", "http-js", "my/cart", `${CWD}/my_cart`],
  ["cart -t http-js -o ../other", "http-js", "cart", "/work dir/other"],
  ["-t http-js --init", "http-js", "shop", CWD],
  ["-t http-js -o deep/er", "http-js", "er", `${CWD}/deep/er`],
  ["http-js -t http-js", "http-js", "http-js", `${CWD}/http-js`],
];

for (const [line, template, name, directory] of RIGHT) {
  Deno.test(`chooseApp() understands "new ${line}"`, async () => {
    const { choice } = await choose(line);
    assert.deepEqual(
      { ...choice, template: choice.template.id },
      { template, name, directory },
    );
  });
}

const WRONG: readonly (readonly [line: string, problem: RegExp])[] = [
  ["", /^The template is missing; give --template with one of http-js, .*\nThe name of the app/],
  ["cart", /^The template is missing/],
  ["cart -t http-tsx", /^There is no template "http-tsx"; did you mean "http-ts"\?$/],
  ["1hello -t http-tsx", /no template[^]*Invalid name "1hello": Each segment/],
  ["a b -t http-ts", /^Cannot supply both positional and named template id$/],
  ["a b c", /^Unexpected argument "c"$/],
  ["cart --tag cobol", /^No templates matched 'cobol'$/],
  ["cart --tag http --tag cobol", /^No templates matched all tags$/],
  ["cart -t http-ts -o a --init", /--output cannot be used together with --init/],
  ["cart -t http-ts -v novalue", /'novalue' should be in the form name=value/],
];

for (const [line, problem] of WRONG) {
  Deno.test(`chooseApp() refuses "new ${line}"`, async () => {
    await assert.rejects(choose(line), (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, problem);
      return true;
    });
  });
}

Deno.test("chooseApp() asks for template and name where somebody can answer", async () => {
  const { choice, told } = await choose("--tag http", ["cobol", "2", "", "1st", "cart"]);
  assert.equal(choice.template.id, "http-py");
  assert.equal(choice.name, "cart");
  assert.deepEqual(told.slice(6), [
    "Number or name [1]: ",
    'There is no template "cobol"',
    "Number or name [1]: ",
    "Enter a name for your new application: ",
    "Name is required",
    "Enter a name for your new application: ",
    "Each segment of the name must start with a letter. '1st' does not start with a letter",
    "Enter a name for your new application: ",
  ]);
});

Deno.test("chooseApp() says so when a name is that of a template", async () => {
  const { choice, told } = await choose("http-py", ["http-ts"]);
  assert.deepEqual([choice.template.id, choice.name], ["http-ts", "http-py"]);
  assert.match(told[0]!, /called http-py\. If you meant to use the http-py template, write '-t/);
});
