/**
 * Apps in JavaScript and TypeScript, built with Spin's tools from npm.
 *
 * @module
 */

import {
  commandTable,
  DESCRIPTION,
  descriptionParagraph,
  HTTP_PATH,
  manifestHead,
  type NewApp,
  quote,
  type Template,
  type TemplateFile,
} from "../template.ts";

/** What `package.json` asks npm for. */
const DEPENDENCIES = { "@spinframework/wasi-http-proxy": "1.0.1" };
const DEV_DEPENDENCIES = {
  // The tools import it and do not say so: without this line, a second `npm install` removes it.
  "@bytecodealliance/preview2-shim": "^0.17.2",
  "@spinframework/build-tools": "1.0.7",
  "esbuild": "^0.25.8",
};
const TYPESCRIPT = { "typescript": "^5.9.3" };

/** An app in JavaScript. */
export const HTTP_JS: Template = {
  id: "http-js",
  description: "HTTP request handler using JavaScript",
  tags: ["http", "js"],
  parameters: [DESCRIPTION, HTTP_PATH],
  needs: "Node.js with npm",
  hasBuild: true,
  files: (app) => [...sharedFiles(app, "js"), { path: "src/index.js", text: JAVASCRIPT }],
};

/** An app in TypeScript. */
export const HTTP_TS: Template = {
  id: "http-ts",
  description: "HTTP request handler using TypeScript",
  tags: ["http", "ts"],
  parameters: [DESCRIPTION, HTTP_PATH],
  needs: "Node.js with npm",
  hasBuild: true,
  files: (app) => [
    ...sharedFiles(app, "ts"),
    { path: "src/index.ts", text: TYPESCRIPT_SOURCE },
    { path: "tsconfig.json", text: TSCONFIG },
  ],
};

function sharedFiles(app: NewApp, language: "js" | "ts"): TemplateFile[] {
  return [
    { path: "spin.toml", text: manifest(app, language) },
    { path: "package.json", text: packageFile(app, language) },
    { path: "build.mjs", text: buildScript(app, language) },
    { path: ".gitignore", text: "node_modules/\nbuild/\ndist/\n.spin/\n" },
    { path: "README.md", text: readme(app, language) },
  ];
}

function manifest(app: NewApp, language: "js" | "ts"): string {
  return `${manifestHead(app)}[component.${app.id}]
source = "dist/${app.id}.wasm"
exclude_files = ["**/node_modules"]
allowed_outbound_hosts = []

[component.${app.id}.build]
command = ["npm install", "npm run build"]
watch = ["src/**/*.${language}", "build.mjs", "package.json"]
`;
}

function packageFile({ id, value }: NewApp, language: "js" | "ts"): string {
  const isTyped = language === "ts";
  const content = {
    name: id,
    version: "0.1.0",
    description: value(DESCRIPTION.id),
    private: true,
    type: "module",
    scripts: { build: isTyped ? "tsc && node build.mjs" : "node build.mjs" },
    dependencies: DEPENDENCIES,
    devDependencies: { ...DEV_DEPENDENCIES, ...(isTyped ? TYPESCRIPT : {}) },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** esbuild makes one module of the sources, and j2w a component of the module. */
function buildScript({ id }: NewApp, language: "js" | "ts"): string {
  return `// Makes dist/${id}.wasm: one module of all sources, and a component of that.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { SpinEsbuildPlugin } from "@spinframework/build-tools/plugins/esbuild/index.js";
import { build } from "esbuild";

await build({
  entryPoints: ["src/index.${language}"],
  outfile: "build/bundle.js",
  bundle: true,
  format: "esm",
  platform: "browser",
  plugins: [await SpinEsbuildPlugin()],
});
mkdirSync("dist", { recursive: true });
execFileSync(
  process.execPath,
  [
    "node_modules/@spinframework/build-tools/dist/index.js",
    ...["-i", "build/bundle.js", "-o", ${quote(`dist/${id}.wasm`)}],
  ],
  { stdio: "inherit" },
);
`;
}

function readme(app: NewApp, language: "js" | "ts"): string {
  const name = language === "ts" ? "TypeScript" : "JavaScript";
  return `# ${app.id}

${descriptionParagraph(app)}A Spin app in ${name}. Building it needs Node.js with npm.

${commandTable(app)}

\`src/index.${language}\` answers the requests, and \`spin.toml\` says which ones come to it. Hosts that the
app may call are listed in \`allowed_outbound_hosts\`.
`;
}

const JAVASCRIPT = `function answer(request) {
  const { pathname } = new URL(request.url);
  return new Response("Hello from JavaScript! You asked for " + pathname + "\\n", {
    headers: { "content-type": "text/plain" },
  });
}

addEventListener("fetch", (event) => {
  event.respondWith(answer(event.request));
});
`;

const TYPESCRIPT_SOURCE = `async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  return new Response("Hello from TypeScript! You asked for " + pathname + "\\n", {
    headers: { "content-type": "text/plain" },
  });
}

// TypeScript knows the event of service workers, but not that components get it too.
declare function addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;

addEventListener("fetch", (event) => {
  event.respondWith(answer(event.request));
});

export {};
`;

const TSCONFIG = `{
  "compilerOptions": {
    "target": "ES2022",
    "module": "ES2022",
    "moduleResolution": "bundler",
    "lib": ["ES2022", "WebWorker"],
    "types": [],
    "strict": true,
    "noEmit": true,
    "skipLibCheck": true
  },
  "include": ["src"]
}
`;
