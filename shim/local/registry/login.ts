/**
 * `registry login`.
 *
 * @module
 */

import type { OptionValues } from "../../../lib/command_line.ts";
import { errorText, TerminalError, UsageError } from "../../../lib/errors.ts";
import { saveCredentials, serverFromInput, spinAuthFile } from "../../../lib/oci/credentials.ts";
import { RegistryError } from "../../../lib/oci/registry_error.ts";
import { RegistryClient } from "../../../lib/oci/registry_client.ts";
import { askLine, askSecret } from "./prompt.ts";
import type { LOGIN } from "./registry_options.ts";

/** Exit code of a program that was ended by Ctrl-C. */
const CTRL_C_EXIT_CODE = 130;

/**
 * Tries a login and stores it.
 * @returns The exit code.
 * @throws {UsageError} if there is nobody to ask for what is missing.
 * @throws {TerminalError} if the registry refuses the login, or it cannot be stored.
 */
export async function login(
  values: OptionValues<typeof LOGIN.options>,
  server: string,
): Promise<number> {
  const username = values.username ?? await askLine("Username: ", "--username");
  const password = values.password ??
    (values["password-stdin"]
      // What ends the line of a file or of echo is no part of it.
      ? (await new Response(Deno.stdin.readable).text()).replace(/\r?\n$/, "")
      : await askSecret("Password: ", "--password-stdin"));
  if (password === undefined) return CTRL_C_EXIT_CODE;
  if (password === "") throw new UsageError("The password is empty");
  const name = serverFromInput(server);
  await checkLogin({ name, username, password, isPlainHttp: values.insecure });
  const edge = { os: Deno.build.os, environment: (key: string) => Deno.env.get(key) };
  const path = spinAuthFile(edge);
  if (path === undefined) throw new UsageError("There is no home directory to keep the login in");
  try {
    await saveCredentials(path, { server: name, username, password });
  } catch (error) {
    throw new TerminalError("CannotSaveLogin", `Cannot store the login: ${errorText(error)}`, {
      cause: error,
    });
  }
  console.log(`Successfully logged in as ${username} to registry ${server}`);
  return 0;
}

async function checkLogin({ name, username, password, isPlainHttp }: {
  name: string;
  username: string;
  password: string;
  isPlainHttp: boolean;
}): Promise<void> {
  const client = new RegistryClient({
    registry: name === "index.docker.io" ? "docker.io" : name,
    isPlainHttp,
    credentials: () => Promise.resolve({ kind: "password", username, password }),
  });
  try {
    await client.checkLogin();
  } catch (error) {
    const isWrong = error instanceof RegistryError && error.status === 401;
    throw new TerminalError(
      "LoginRefused",
      `cannot log in to the registry: cannot authenticate as ${username} to registry ${name}: ` +
        (isWrong ? "the user or the password is wrong" : errorText(error)),
      { cause: error },
    );
  }
}
