/**
 * What containerd writes to a shim's stdin.
 *
 * @module
 */

import { BOOTSTRAP_PARAMS, type BootstrapParams } from "../proto/bootstrap.ts";
import { DecodeError, decodeMessage } from "../proto/decode.ts";
import { ANY, type Any, typeNameOf } from "../proto/well_known.ts";

/** What stdin had. */
export interface StartInput {
  /** containerd 2.3 and later, for `start`. */
  readonly params: BootstrapParams | undefined;
  /** The runtime options of containerd's configuration, if there are any. */
  readonly options: Any | undefined;
}

/** Runtime options that shims of this kind get. Other extensions are for other uses. */
const OPTIONS_TYPES: readonly string[] = [
  "runtimeoptions.v1.Options",
  "containerd.runc.v1.Options",
];

const NOTHING: StartInput = { params: undefined, options: undefined };

/**
 * Reads stdin of `start` or `-info`: nothing, runtime options, or (containerd 2.3 and later) the
 * parameters with the options among their extensions.
 *
 * Both begin with two texts. They are parameters if these are the id and the namespace of the command
 * line, which no type URL looks like.
 *
 * @throws {DecodeError} if it is none of them.
 */
export function readStartStdin(input: Uint8Array, { id, namespace }: {
  readonly id: string;
  readonly namespace: string;
}): StartInput {
  if (input.length === 0) return NOTHING;
  const params = tryParams(input);
  if (params && id !== "" && params.instanceId === id && params.namespace === namespace) {
    return { params, options: findOptions(params) };
  }
  const options = decodeMessage(ANY, input);
  // An empty Any is what Go makes of no options.
  return options.typeUrl === "" ? NOTHING : { params: undefined, options };
}

function tryParams(input: Uint8Array): BootstrapParams | undefined {
  try {
    return decodeMessage(BOOTSTRAP_PARAMS, input);
  } catch (error) {
    // Runtime options are no parameters; whether these are options is seen next.
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function findOptions({ extensions }: BootstrapParams): Any | undefined {
  const values = extensions.flatMap(({ value }) => value ? [value] : []);
  return values.find((value) => OPTIONS_TYPES.includes(typeNameOf(value)));
}
