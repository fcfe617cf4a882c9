/**
 * Addresses of ttrpc servers, and the Unix sockets behind them.
 *
 * @module
 */

/** Bytes that the kernel has room for in a socket's path. */
export const MAX_SOCKET_PATH_BYTES = 107;

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//;

/**
 * The path that Deno listens on or connects to, for an address in any of the forms that containerd
 * uses: `unix:///path`, a bare `/path` (`TTRPC_ADDRESS`), or the name of an abstract socket, with
 * `@` or without anything before it.
 *
 * @throws {SyntaxError} if the address is empty, too long, or of another kind.
 */
export function parseAddress(address: string): string {
  const [prefix = "", scheme = "unix"] = SCHEME.exec(address) ?? [];
  if (scheme !== "unix") {
    throw new SyntaxError(`Cannot use address "${address}": only Unix sockets are supported`);
  }
  const rest = address.slice(prefix.length);
  const path = rest.startsWith("/") ? rest : `\0${rest.replace(/^[@\0]/, "")}`;
  const size = new TextEncoder().encode(path).length;
  if (path === "\0") throw new SyntaxError(`Cannot use address "${address}": it has no path`);
  if (size > MAX_SOCKET_PATH_BYTES) {
    throw new SyntaxError(
      `Cannot use address "${address}": its path has ${size} bytes, ${MAX_SOCKET_PATH_BYTES} are possible`,
    );
  }
  return path;
}

/** The address of the socket at `path`, in the form that all versions of containerd understand. */
export function formatAddress(path: string): string {
  return `unix://${path}`;
}

/**
 * Listens on a socket that only this user can connect to. Its directory is made if it is missing,
 * for this user alone.
 *
 * Deno removes the socket's file when the listener is closed.
 *
 * @returns The listener, which the caller closes.
 * @throws {Deno.errors.AddrInUse} if the file exists, whether anybody listens or not.
 * @throws {SyntaxError} see {@link parseAddress}.
 */
export function listen(address: string): Deno.UnixListener {
  const path = parseAddress(address);
  const directory = path.slice(0, path.lastIndexOf("/") + 1);
  if (directory !== "") Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  // The file must never have been open to others, so its mode cannot be changed afterwards.
  const before = Deno.umask(0o177);
  try {
    return Deno.listen({ transport: "unix", path });
  } finally {
    Deno.umask(before);
  }
}

/**
 * Connects to a socket, at once or not at all.
 * @throws {Deno.errors.NotFound} if there is no such file.
 * @throws {Deno.errors.ConnectionRefused} if nobody listens.
 * @throws {SyntaxError} see {@link parseAddress}.
 */
export async function connect(address: string): Promise<Deno.UnixConn> {
  return await Deno.connect({ transport: "unix", path: parseAddress(address) });
}
