import assert from "node:assert/strict";
import { ManifestError } from "../../lib/errors.ts";
import { checkManifest } from "./check_manifest.ts";
import { normalizeManifest } from "./normalize.ts";
import { parseManifest } from "./parse_manifest.ts";

/** What is reported for a manifest: problems, then warnings marked with `!`. */
function check(text: string): string[] {
  try {
    const { manifest, report } = parseManifest(text, "spin.toml");
    checkManifest(normalizeManifest(manifest, { profile: undefined, report }), report);
    report.throwIfAny();
    return report.warnings.map((warning) => `!${warning}`);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return error.message.split("\n");
  }
}

const HEAD = `spin_manifest_version = 2
application.name = "a"
variables.known = { default = "http://x" }
variables.open.required = true
[[trigger.http]]
route = "/..."
component = "a"
[component.a]
source = "a.wasm"
`;

Deno.test("parseManifest() refuses what is not a manifest", () => {
  const cases: [text: string, expected: RegExp][] = [
    ["a = ", /^spin\.toml:1:5: TOML parse error: /],
    ["a = 1\na = 2", /^spin\.toml:2:1: TOML parse error: /],
    ["", /^spin\.toml:1:1: missing field `spin_manifest_version`; add/],
    ["x = 1\nspin_manifest_version = 3", /^spin\.toml:2:1: invalid manifest version: 3;/],
    ['spin_manifest_version = "2"', /^spin\.toml:1:1: invalid manifest version: "2";/],
    ["spin_version = 2", /invalid manifest version: 2;/],
    ["spin_manifest_version = [2]", /invalid manifest version: an array;/],
  ];
  for (const [text, expected] of cases) {
    const problems = check(text);
    assert.match(problems[0]!, expected, text);
    assert.equal(problems.length, 1);
  }
});

Deno.test("checkManifest() finds nothing wrong with what is right", () => {
  const cases = [
    HEAD,
    `\ufeff${HEAD}`,
    HEAD + 'variables = { v = "{{ known }} {{ open }}" }\nallowed_outbound_hosts = ["{{ open }}"]',
    HEAD + 'allowed_outbound_hosts = ["{{ known }}:80", "*://*:*", "http://self"]',
    HEAD + 'key_value_stores = ["default", "a_b", "a-b"]\nsqlite_databases = ["default"]',
    HEAD +
    "tool = { x = { y = 1 } }\ntargets = ['spin-up', { path = 'x' }]\n[variables.x]\ndefault=''",
    HEAD + 'dependencies = { "a:b" = "1", "c:d/e@1.0.0" = { path = "x", export = "y" } }',
    HEAD + "[[trigger.http]]\nroute = '/s'\nstatic_response = { status_code = 302, headers = " +
    "{ location = '/' }, body = 'x', other = 1 }",
    HEAD + "[[trigger.http]]\nroute = { private = true }\ncomponent = { source = 'b.wasm' }",
    HEAD +
    "[[trigger.other]]\nschedule = '* * *'\ncomponents = { x = 'a', y = ['a'] }\nany.thing = 1",
    HEAD + "[[trigger.http]]\nroute='/w/*'\ncomponent='a'\nexecutor={type='wagi', argv='x'}",
    HEAD + "[application.tool.x]\ny = 1",
  ];
  for (const text of cases) assert.deepEqual(check(text), [], text);
});

const PROBLEMS: [name: string, text: string, expected: (string | RegExp)[]][] = [
  ["no tables at all", "spin_manifest_version = 2", [
    /^spin\.toml:1:1: manifest: missing field `application`; add \[application\]/,
    /^spin\.toml:1:1: manifest: missing field `trigger`; add \[\[trigger\.http\]\]/,
  ]],
  ["unknown keys everywhere", HEAD + 'sorce = "x"\nzzz = 1\n[component.a.build]\ncomand = "x"', [
    'spin.toml:10:1: component "a": unknown field `sorce`; did you mean "source"?',
    /^spin\.toml:11:1: component "a": unknown field `zzz`; expected one of "source", "variables"/,
    /^spin\.toml:12:1: component "a", build: missing field `command`/,
    /^spin\.toml:13:1: component "a", build: unknown field `comand`; did you mean "command"\?$/,
  ]],
  ["top level", HEAD + "[aplication]\n[variables.v]\ndefault = '1'\nsecrett = true", [
    'spin.toml:10:1: manifest: unknown field `aplication`; did you mean "application"?',
    'spin.toml:13:1: variable "v": unknown field `secrett`; did you mean "secret"?',
  ]],
  ["wrong types", HEAD + "description = 1\nfiles = [2]\nenvironment = { A = 1 }\nbuild = 'x'", [
    'spin.toml:10:1: component "a": "description" must be a string, got an integer',
    /^spin\.toml:11:10: component "a", files item 1 must be a path, a glob pattern or/,
    'spin.toml:12:17: component "a": "environment.A" must be a string, got an integer; put it in quotes',
    'spin.toml:13:1: component "a": "build" must be a table, got a string',
  ]],
  ["wrong elements", HEAD + "allowed_outbound_hosts = ['http://a', 1]\nai_models = 'x'", [
    'spin.toml:10:39: component "a": "allowed_outbound_hosts" item 2 must be a string, got an integer',
    'spin.toml:11:1: component "a": "ai_models" must be an array of strings, got a string',
  ]],
  ["variables", HEAD + "[variables]\na={}\nb={required=true,default=''}\n'C-x'={default=''}", [
    /^spin\.toml:10:2: TOML parse error/,
  ]],
  [
    "required xor default",
    HEAD.replace(
      "variables.known =",
      "variables.bad = {}\nvariables.B = { required = true, default = '' }\nvariables.known =",
    ),
    [
      'spin.toml:3:11: variable "bad": must be `required` OR have a `default`; it has neither',
      /^spin\.toml:4:11: "B": invalid character 'B'/,
      'spin.toml:4:11: variable "B": must be `required` OR have a `default`; it has both',
    ],
  ],
  ["templates", HEAD + "variables = { v = '{{ knwn }}', w = '{{ open', 'x-y' = '' }", [
    /^spin\.toml:10:15: component "a": unknown variable "knwn" in template .*did you mean "known"\?$/,
    /^spin\.toml:10:33: component "a": unmatched '\{\{' in template "\{\{ open"; close it with '\}\}'$/,
    /^spin\.toml:10:48: component "a": "x-y": invalid character '-'/,
  ]],
  ["hosts", HEAD + 'allowed_outbound_hosts = [\n"example.com",\n"{{ known }}/path", "{{nope}}"]', [
    /^spin\.toml:11:1: component "a": `allowed_outbound_hosts` is malformed: "example\.com" does not contain a scheme/,
    /^spin\.toml:12:1: .*has a path but is not allowed to$/,
    /^spin\.toml:12:21: component "a": unknown variable "nope"/,
  ]],
  ["words of variables", HEAD + "variables = { a_1 = '' }", [
    "spin.toml:10:15: component \"a\": \"a_1\": '_'-separated words must start with an ASCII letter; got '1'",
  ]],
  ["deep nesting", "a = " + "[".repeat(50_000), [/^spin\.toml:1:\d+: TOML parse error/]],
  ["labels", HEAD + 'key_value_stores = ["my store"]\nsqlite_databases = ["ok", "a-b_c"]', [
    'spin.toml:10:21: component "a": invalid label "my store" in "key_value_stores": expected kebab-case or snake_case',
    'spin.toml:11:27: component "a": invalid label "a-b_c" in "sqlite_databases": expected kebab-case or snake_case',
  ]],
  ["sources", HEAD.replace('"a.wasm"', '{ url = "ftp://x", digest = "sha256:12" }'), [
    'spin.toml:9:12: component "a", source: "url" must be an http or https URL, got "ftp://x"',
  ]],
  ["digest", HEAD.replace('"a.wasm"', '{ url = "http://x", digest = "sha256:12" }'), [
    'spin.toml:9:30: component "a", source: invalid digest "sha256:12": must be \'sha256:\' and 64 hexadecimal digits',
  ]],
  ["package", HEAD.replace('"a.wasm"', '{ package = "x", version = "1", color = "red" }'), [
    'spin.toml:9:12: component "a", source: "package" must be "namespace:name", got "x"',
    /^spin\.toml:9:27: component "a", source: invalid semantic version \("1"\)/,
    /^spin\.toml:9:42: component "a", source: unknown field `color`/,
  ]],
  [
    "component ids",
    HEAD + "[component.b_c]\nsource='x'\n[[trigger.http]]\nroute='/b'\ncomponent='aa'",
    [
      "spin.toml:10:1: invalid component id \"b_c\": words must be separated with '-', not '_'",
      /^spin\.toml:14:1: http trigger "aa-http-trigger": component "aa" does not exist; did you mean "a"\?$/,
    ],
  ],
  [
    "http triggers",
    HEAD +
    "[[trigger.http]]\nroute='/:/x'\ncomponent='a'\nmethod='GET'\n[[trigger.http]]\ncomponent='a'",
    [
      'spin.toml:11:1: http trigger "http-trigger1": Error parsing route /:/x associated with component a: params must be named',
      /^spin\.toml:13:1: http trigger "http-trigger1": unknown field `method`; expected one of "route"/,
      'spin.toml:14:1: http trigger "http-trigger2": missing field `route`; add route = "/..."',
    ],
  ],
  [
    "static response",
    HEAD +
    "[[trigger.http]]\nid='x'\nroute='/'\n[[trigger.http]]\nid='y'\nroute='/'\ncomponent='a'\nstatic_response={}",
    [
      'spin.toml:10:1: http trigger "x": Triggers must specify either component or static_response - x has neither',
      'spin.toml:17:1: http trigger "y": Triggers must specify either component or static_response - y has both',
    ],
  ],
  [
    "component references",
    HEAD +
    "[[trigger.http]]\nroute='/1'\ncomponent='b_c'\n[[trigger.http]]\nroute='/2'\ncomponent=1\n[[trigger.http]]\nroute='/3'\ncomponent={}",
    [
      "spin.toml:12:1: http trigger 2: invalid component id \"b_c\": words must be separated with '-', not '_'",
      /^spin\.toml:15:1: http trigger 3: a component must be an id or a table with a "source", got an integer$/,
      /^spin\.toml:18:1: http trigger 4, inline component: missing field `source`; add/,
    ],
  ],
  ["private route", HEAD.replace('"/..."', "{ private = false }"), [
    `spin.toml:6:1: http trigger "a-http-trigger": route must be a string pattern or '{ private = true }': 'a' has { private = false }`,
  ]],
  [
    "wagi",
    HEAD.replace(
      'component = "a"',
      'component = "a"\nexecutor = { type = "wagi", entrypoint = "run" }',
    ),
    [
      /^spin\.toml:8:29: .*Wagi component 'a' cannot use deprecated 'entrypoint' field$/,
    ],
  ],
  ["base", HEAD + "[application.trigger.http]\nbase = '/x'\nport = 1", [
    /^spin\.toml:11:1: application trigger "http": "base" must be "\/", got "\/x"/,
    /^spin\.toml:12:1: application trigger "http": unknown field `port`/,
  ]],
  [
    "dependencies",
    HEAD +
    '[component.a.dependencies]\nplain = "1"\n"a:b" = { path = "x", export = "y" }\n"a:b/c" = { path = "x" }\n"d:e" = {}\n"f:g" = { component = "zz" }',
    [
      'spin.toml:11:1: component "a" has invalid dependencies: dependency "plain" must specify a package name; add package = "namespace:name"',
      /^spin\.toml:12:1: component "a": using an export to satisfy the package dependency a:b is not currently permitted/,
      'spin.toml:13:1: component "a": a:b dependency conflicts with a:b/c',
      /^spin\.toml:14:1: .*write exactly one of "path", "url", "component", "package" or "version"; it has none of them$/,
      /^spin\.toml:15:1: dependency ID zz does not exist/,
    ],
  ],
  [
    "dependency with permissions",
    HEAD +
    'dependencies = { "a:b" = { component = "b" } }\n[component.b]\nsource="b"\nfiles=["x"]\nvariables={x=""}',
    [
      "spin.toml:10:18: Dependencies may not have their own resources or permissions. Component b cannot be used as a dependency of a because it specifies: files, variables",
    ],
  ],
  [
    "inheritance",
    HEAD +
    'dependencies_inherit_configuration = true\ndependencies = { "a:b" = { path = "x", inherit_configuration = ["file"] } }',
    [
      "spin.toml:10:1: Component `a` specifies both `dependencies_inherit_configuration` and per-dependency `inherit_configuration`. These are mutually exclusive; use one or the other.",
      /^spin\.toml:11:65: .*"file" cannot be inherited; did you mean "files"\?$/,
    ],
  ],
  [
    "inheritance of a profile's dependency",
    HEAD +
    'dependencies_inherit_configuration = true\nprofile.p.dependencies = { "a:b" = { path = "x", inherit_configuration = false } }',
    [/^spin\.toml:10:1: Component `a` specifies both /],
  ],
  [
    "forms of dependencies",
    HEAD +
    "[component.a.dependencies]\n" +
    '"a:b/c" = { path = "x", url = "http://x" }\n"d:e/f" = { path = "" }\n"g:h/i" = { package = "g:h" }\n' +
    '"j:k/l" = 1\n"m:n@1" = "1"\n"o:p/q" = { url = "http://x", digest = "sha256:0" }\n' +
    '"r:s/t" = { path = "x", inherit_configuration = "all" }\n"u:v/w" = { path = "x", colour = "red" }',
    [
      /^spin\.toml:11:1: .*write exactly one of .*; it has "path" and "url"$/,
      /^spin\.toml:12:\d+: .*"path" is empty; name a \.wasm file$/,
      /^spin\.toml:13:1: .*version = "1\.2\.3"/,
      /^spin\.toml:14:1: .*dependency "j:k\/l" must be a version or a table, got /,
      /^spin\.toml:15:1: .*invalid dependency name "m:n@1": expected "ns:pkg\[\/interface\]\[@version\]"/,
      /^spin\.toml:16:31: .*invalid digest "sha256:0"/,
      /^spin\.toml:17:\d+: .*"inherit_configuration" must be true, false or an array of strings, got /,
      /^spin\.toml:18:\d+: .*unknown field `colour`/,
    ],
  ],
  ["allowed_http_hosts", HEAD + 'allowed_http_hosts = ["ftp://x", "x/y"]', [
    /^spin\.toml:10:23: component "a": `allowed_http_hosts` is malformed: "ftp:\/\/x" has the scheme "ftp"/,
    /^spin\.toml:10:34: .*has a path/,
  ]],
  [
    "warnings",
    HEAD +
    'allowed_http_hosts = ["x.com"]\nallowed_outbound_hosts = ["http://aa.spin.internal"]\nfiles = ["**/*"]\n[application.trigger.http]\nbase = "/"',
    [
      '!spin.toml:10:1: component "a": `allowed_http_hosts` is deprecated; replace it with `allowed_outbound_hosts = ["http://aa.spin.internal","http://x.com","https://x.com"]`',
      '!spin.toml:11:27: component "a": "http://aa.spin.internal" is for a component that does not exist; did you mean "a"?',
      /^!spin\.toml:12:10: component "a": the entire application directory tree is included/,
      /^!spin\.toml:14:1: application trigger "http": "base" is deprecated/,
    ],
  ],
];

for (const [name, text, expected] of PROBLEMS) {
  Deno.test(`checkManifest() reports every problem of ${name}`, () => {
    const actual = check(text);
    assert.equal(actual.length, expected.length, actual.join("\n"));
    actual.forEach((line, i) => {
      const wanted = expected[i]!;
      if (typeof wanted === "string") assert.equal(line, wanted);
      else assert.match(line, wanted);
    });
  });
}

Deno.test("parseManifest() never fails otherwise than by ManifestError", () => {
  const seed = Date.now() | 0;
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    return (state >>> 8) % below;
  };
  const sample = PROBLEMS.map(([, text]) => text).join("\n").split("\n");
  for (let run = 0; run < 400; run++) {
    const lines = HEAD.split("\n");
    for (let i = 0; i < 4; i++) {
      lines.splice(random(lines.length), random(2), sample[random(sample.length)]!);
    }
    const text = lines.join("\n");
    try {
      check(text);
    } catch (error) {
      throw new Error(`Seed ${seed}:\n${text}`, { cause: error });
    }
  }
});
