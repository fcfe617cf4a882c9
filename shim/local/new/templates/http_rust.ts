/**
 * An app in Rust, built with Spin's SDK from crates.io.
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
} from "../template.ts";

const TARGET = "wasm32-wasip1";

/** An app in Rust. */
export const HTTP_RUST: Template = {
  id: "http-rust",
  description: "HTTP request handler using Rust",
  tags: ["http", "rust"],
  parameters: [DESCRIPTION, HTTP_PATH],
  needs: `Rust with the target ${TARGET}`,
  hasBuild: true,
  files: (app) => [
    { path: "spin.toml", text: manifest(app) },
    { path: "Cargo.toml", text: cargoFile(app) },
    { path: "src/lib.rs", text: SOURCE },
    { path: ".gitignore", text: "target/\n.spin/\n" },
    { path: "README.md", text: readme(app) },
  ],
};

function manifest(app: NewApp): string {
  return `${manifestHead(app)}[component.${app.id}]
source = "target/${TARGET}/release/${app.id.replaceAll("-", "_")}.wasm"
allowed_outbound_hosts = []

[component.${app.id}.build]
command = "cargo build --target ${TARGET} --release"
watch = ["src/**/*.rs", "Cargo.toml"]
`;
}

function cargoFile({ id, authors, value }: NewApp): string {
  return `[package]
name = ${quote(id)}
version = "0.1.0"
edition = "2021"
authors = [${authors.map(quote).join(", ")}]
description = ${quote(value(DESCRIPTION.id))}

[lib]
crate-type = ["cdylib"]

[dependencies]
anyhow = "1"
spin-sdk = "5"

[workspace]
`;
}

const SOURCE = `use spin_sdk::http::{IntoResponse, Request, Response};
use spin_sdk::http_component;

/// Answers every request.
#[http_component]
fn answer(request: Request) -> anyhow::Result<impl IntoResponse> {
    Ok(Response::builder()
        .status(200)
        .header("content-type", "text/plain")
        .body(format!("Hello from Rust! You asked for {}\\n", request.path()))
        .build())
}
`;

function readme(app: NewApp): string {
  return `# ${app.id}

${
    descriptionParagraph(app)
  }A Spin app in Rust. Building it needs Rust (https://rustup.rs) with one more target:

\`\`\`sh
rustup target add ${TARGET}
\`\`\`

${commandTable(app)}

\`src/lib.rs\` answers the requests, and \`spin.toml\` says which ones come to it. Hosts that the app may
call are listed in \`allowed_outbound_hosts\`.
`;
}
