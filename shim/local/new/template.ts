/**
 * What a template of an app is.
 *
 * @module
 */

/** A template. Ids and parameters are those that Spin's own templates have. */
export interface Template {
  readonly id: string;
  /** One line, without a period. */
  readonly description: string;
  readonly tags: readonly string[];
  /** What it asks for, in this order. */
  readonly parameters: readonly Parameter[];
  /** What has to be installed to build the app; undefined: nothing. */
  readonly needs: string | undefined;
  /** Whether the app has to be built before it is served. */
  readonly hasBuild: boolean;
  /** The files of an app. Pure. */
  readonly files: (app: NewApp) => TemplateFile[];
}

/** What a template asks for. */
export interface Parameter {
  readonly id: string;
  /** The question, without a mark. */
  readonly prompt: string;
  readonly default: string;
  /** What is wrong with an answer, or undefined if it is right. */
  readonly check: (value: string) => string | undefined;
}

/** What is known of an app that is made. */
export interface NewApp {
  /** Name of the app and of its component: kebab-case. */
  readonly id: string;
  /** `Name <address>`. */
  readonly authors: readonly string[];
  /** The value of a parameter of the template. */
  readonly value: (parameter: string) => string;
}

/** One file of an app. */
export interface TemplateFile {
  /** Relative to the app, with `/`. */
  readonly path: string;
  readonly text: string;
  /** Only there to show something: it is left out where its directory exists already. */
  readonly isSample?: boolean;
}

/** `Description`: any text on one line. */
export const DESCRIPTION: Parameter = {
  id: "project-description",
  prompt: "Description",
  default: "",
  check: (value) => /[\r\n]/.test(value) ? "it must be one line" : undefined,
};

/** `HTTP path`: the route of the app. */
export const HTTP_PATH: Parameter = {
  id: "http-path",
  prompt: "HTTP path",
  default: "/...",
  check: (value) => matchPattern(value, /^\/\S*$/),
};

/** In the words of Spin's templates. */
export function matchPattern(value: string, pattern: RegExp): string | undefined {
  return pattern.test(value)
    ? undefined
    : `Input '${value}' does not match pattern '${pattern.source.replaceAll("\\/", "/")}'`;
}

/** A text as a basic string of TOML, which is also one of JSON. */
export function quote(text: string): string {
  // What JSON leaves as it is and TOML does not.
  return JSON.stringify(text).replaceAll("\x7f", "\\u007f");
}

/** The beginning of a manifest: everything before the component. */
export function manifestHead(
  { id, authors, value }: NewApp,
  { route = value(HTTP_PATH.id) }: { route?: string } = {},
): string {
  return `#:schema https://schemas.spinframework.dev/spin/manifest-v2/latest.json

spin_manifest_version = 2

[application]
name = ${quote(id)}
version = "0.1.0"
authors = [${authors.map(quote).join(", ")}]
description = ${quote(value(DESCRIPTION.id))}

[[trigger.http]]
route = ${quote(route)}
component = ${quote(id)}

`;
}

/** The description as a paragraph of a README; empty if there is none. */
export function descriptionParagraph({ value }: NewApp): string {
  const text = value(DESCRIPTION.id);
  return text === "" ? "" : `${text}\n\n`;
}

/** What can be done with an app, as a table of a README. */
export function commandTable({ id }: NewApp, { hasBuild = true } = {}): string {
  const rows = [
    hasBuild
      ? ["build it and serve it at http://127.0.0.1:3000", "build --up"]
      : ["serve it at http://127.0.0.1:3000", "up"],
    [`${hasBuild ? "build and " : ""}reload it whenever a file changes`, "watch"],
    ["put it into a registry", `registry push ghcr.io/me/${id}:v1`],
    ["run it on Kubernetes", `deploy --from ghcr.io/me/${id}:v1`],
  ];
  return [
    "| to | run |",
    "| --- | --- |",
    ...rows.map(([what, command]) => `| ${what} | \`spinkube ${command}\` |`),
  ].join("\n");
}
