/**
 * Core modules that run without a component around them: modules of Spin's first ABI, and commands
 * of WASI preview 1.
 *
 * @module
 */

export { describeCoreModule } from "./describe.ts";
export { CORE_MODULE, createCoreModuleBindings } from "./instantiate.ts";
