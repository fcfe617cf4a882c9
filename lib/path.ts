/**
 * Paths of files, as `node:path` treats them. The first module of Node that is loaded costs 10 ms and
 * a megabyte, in each shim and in each pod; these functions are all that most need of one.
 *
 * Elsewhere than on Windows they are written here. On Windows they are Node's.
 *
 * @module
 */

import { nodePath } from "./node_builtins.ts";

/** What stands between the names of a path. */
export const SEPARATOR: string = Deno.build.os === "windows" ? "\\" : "/";

/** What stands between the paths of a list, such as `KUBECONFIG`. */
export const LIST_SEPARATOR: string = Deno.build.os === "windows" ? ";" : ":";

function windows(): ReturnType<typeof nodePath> | undefined {
  return Deno.build.os === "windows" ? nodePath() : undefined;
}

/** Whether a path begins at the root. */
export function isAbsolute(path: string): boolean {
  return windows()?.isAbsolute(path) ?? path.startsWith("/");
}

/** A path without `.`, without `..` as far as there is a name before it, and without double slashes. */
export function normalize(path: string): string {
  const node = windows();
  if (node) return node.normalize(path);
  const isFromRoot = path.startsWith("/");
  const names = withoutDots(path, isFromRoot).join("/");
  const end = path.endsWith("/") && names !== "" ? "/" : "";
  if (names !== "") return `${isFromRoot ? "/" : ""}${names}${end}`;
  if (isFromRoot) return "/";
  return path.endsWith("/") ? "./" : ".";
}

/** One path of several parts, normalized. Later parts are relative even if they begin with a slash. */
export function join(...parts: string[]): string {
  const node = windows();
  if (node) return node.join(...parts);
  return normalize(parts.filter((part) => part !== "").join("/"));
}

/** The absolute path of `parts`, each relative to those before it and the first to `Deno.cwd()`. */
export function resolve(...parts: string[]): string {
  const node = windows();
  if (node) return node.resolve(...parts);
  const from = parts.findLastIndex((part) => part.startsWith("/"));
  const rest = parts.slice(Math.max(from, 0)).filter((part) => part !== "");
  const path = from < 0 ? [Deno.cwd(), ...rest].join("/") : rest.join("/");
  return `/${withoutDots(path, true).join("/")}`;
}

/** The way from one path to another; empty if they are the same. */
export function relative(from: string, to: string): string {
  const node = windows();
  if (node) return node.relative(from, to);
  const [start, end] = [from, to].map((path) => resolve(path).split("/").filter(Boolean)) as [
    string[],
    string[],
  ];
  const different = start.findIndex((name, index) => name !== end[index]);
  const common = different < 0 ? start.length : different;
  return [...start.slice(common).map(() => ".."), ...end.slice(common)].join("/");
}

/** The path without its last name: `.` if there is nothing before it. */
export function dirname(path: string): string {
  const node = windows();
  if (node) return node.dirname(path);
  const at = path.replace(/\/+$/, "").lastIndexOf("/");
  if (at < 1) return path.startsWith("/") ? "/" : ".";
  // What two slashes at the beginning mean is left open by POSIX; they are kept.
  return at === 1 && path.startsWith("/") ? "//" : path.slice(0, at);
}

/** The last name of a path. */
export function basename(path: string): string {
  const node = windows();
  if (node) return node.basename(path);
  const end = path.replace(/\/+$/, "");
  return end.slice(end.lastIndexOf("/") + 1);
}

/** The last name's end, from its last dot: empty if it has none, or only one at its beginning. */
export function extname(path: string): string {
  const name = basename(path);
  const at = name.lastIndexOf(".");
  return at <= 0 || name === ".." ? "" : name.slice(at);
}

function withoutDots(path: string, isFromRoot: boolean): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name !== "..") names.push(name);
    else if (names.length > 0 && names.at(-1) !== "..") names.pop();
    else if (!isFromRoot) names.push("..");
  }
  return names;
}
