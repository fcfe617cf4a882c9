/**
 * The templates that are part of the program.
 *
 * @module
 */

import type { Template } from "./template.ts";
import { HTTP_JS, HTTP_TS } from "./templates/http_js.ts";
import { HTTP_PY } from "./templates/http_py.ts";
import { HTTP_RUST } from "./templates/http_rust.ts";
import { STATIC_FILESERVER } from "./templates/static_fileserver.ts";

/** All templates, in the order in which they are listed. */
export const TEMPLATES: readonly Template[] = [
  HTTP_JS,
  HTTP_PY,
  HTTP_RUST,
  HTTP_TS,
  STATIC_FILESERVER,
];
