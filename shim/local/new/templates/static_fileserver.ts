/**
 * An app of files alone. They are served by Spin's own component for that, which is downloaded once,
 * when the app is first served or pushed.
 *
 * @module
 */

import {
  commandTable,
  DESCRIPTION,
  descriptionParagraph,
  HTTP_PATH,
  manifestHead,
  matchPattern,
  type NewApp,
  type Parameter,
  quote,
  type Template,
} from "../template.ts";

/** The component that Spin's template of this name has. */
const FILE_SERVER = {
  url:
    "https://github.com/spinframework/spin-fileserver/releases/download/v0.3.0/spin_static_fs.wasm",
  digest: "sha256:ef88708817e107bf49985c7cefe4dd1f199bf26f6727819183d5c996baa3d148",
} as const;

const FILES_PATH: Parameter = {
  id: "files-path",
  prompt: "Directory containing the files to serve",
  default: "assets",
  check: (value) =>
    matchPattern(value, /^\S+$/) ??
      (/^(?:[/\\]|[A-Za-z]:)|(?:^|[/\\])\.\.(?:[/\\]|$)/.test(value)
        ? `'${value}' is not a directory inside the app; give a relative path without ..`
        : undefined),
};

/** An app that serves files. */
export const STATIC_FILESERVER: Template = {
  id: "static-fileserver",
  description: "Serves static files from an asset directory",
  tags: ["http", "static"],
  parameters: [DESCRIPTION, HTTP_PATH, FILES_PATH],
  needs: undefined,
  hasBuild: false,
  files: (app) => [
    { path: "spin.toml", text: manifest(app) },
    { path: `${directory(app)}/index.html`, text: page(app), isSample: true },
    { path: ".gitignore", text: ".spin/\n" },
    { path: "README.md", text: readme(app) },
  ],
};

/** As paths of manifests are written: without `./` and a slash at the end. */
function directory({ value }: NewApp): string {
  const parts = value(FILES_PATH.id).split(/[/\\]/).filter((part) => part !== "" && part !== ".");
  return parts.length === 0 ? "." : parts.join("/");
}

function manifest(app: NewApp): string {
  return `${manifestHead(app, { route: wildcard(app.value(HTTP_PATH.id)) })}[component.${app.id}]
source = { url = ${quote(FILE_SERVER.url)}, digest = ${quote(FILE_SERVER.digest)} }
files = [{ source = ${quote(directory(app))}, destination = "/" }]
# Serve this page where there is no such file, as apps do that find their way in the browser:
# environment = { FALLBACK_PATH = "index.html" }
`;
}

/** Files are below a path, so that the route has to be a wildcard. */
function wildcard(path: string): string {
  return path.endsWith("/...") ? path : `${path.replace(/\/+$/, "")}/...`;
}

function page({ id }: NewApp): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>${id}</title>
  </head>
  <body>
    <h1>${id}</h1>
    <p>Hello from a Spin app of files alone.</p>
  </body>
</html>
`;
}

function readme(app: NewApp): string {
  return `# ${app.id}

${descriptionParagraph(app)}A Spin app that serves the files of \`${
    directory(app)
  }/\`. There is nothing to build. The component that serves
them is downloaded once, and checked against the digest in \`spin.toml\`.

${commandTable(app, { hasBuild: false })}
`;
}
