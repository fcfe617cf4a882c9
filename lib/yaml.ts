/**
 * YAML, for modules that load it on first use only. The package is CommonJS, of which a dynamic import
 * in the bundle gives the default export alone; statements give its names everywhere.
 *
 * @module
 */

export { parse, stringify } from "yaml";
