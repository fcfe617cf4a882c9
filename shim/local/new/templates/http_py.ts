/**
 * An app in Python, built with componentize-py and Spin's SDK from PyPI.
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
  type Template,
} from "../template.ts";

/** An app in Python. */
export const HTTP_PY: Template = {
  id: "http-py",
  description: "HTTP request handler using Python",
  tags: ["http", "python"],
  parameters: [DESCRIPTION, HTTP_PATH],
  needs: "Python 3 with the packages of requirements.txt",
  hasBuild: true,
  files: (app) => [
    { path: "spin.toml", text: manifest(app) },
    { path: "app.py", text: SOURCE },
    { path: "requirements.txt", text: "spin-sdk == 3.4.1\ncomponentize-py == 0.17.2\n" },
    { path: ".gitignore", text: "app.wasm\nvenv/\n__pycache__/\n.spin/\n" },
    { path: "README.md", text: readme(app) },
  ],
};

function manifest(app: NewApp): string {
  return `${manifestHead(app)}[component.${app.id}]
source = "app.wasm"
allowed_outbound_hosts = []

[component.${app.id}.build]
command = "componentize-py -w spin-http componentize app -o app.wasm"
watch = ["*.py", "requirements.txt"]
`;
}

const SOURCE = `from spin_sdk.http import IncomingHandler as Handler, Request, Response


class IncomingHandler(Handler):
    def handle_request(self, request: Request) -> Response:
        return Response(
            200,
            {"content-type": "text/plain"},
            bytes(f"Hello from Python! You asked for {request.uri}\\n", "utf-8"),
        )
`;

function readme(app: NewApp): string {
  return `# ${app.id}

${
    descriptionParagraph(app)
  }A Spin app in Python. Building it needs the packages of \`requirements.txt\` in a virtual environment:

\`\`\`sh
python3 -m venv venv
source venv/bin/activate
pip install -r requirements.txt
\`\`\`

${commandTable(app)}

\`app.py\` answers the requests, and \`spin.toml\` says which ones come to it. Hosts that the app may call
are listed in \`allowed_outbound_hosts\`.
`;
}
