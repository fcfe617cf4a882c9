import assert from "node:assert/strict";
import { downloadSource } from "./download_source.ts";

const ADDRESSES: Readonly<Record<string, string[]>> = {
  "good.test": ["192.0.2.1", "2001:db8::1"],
  "metadata.test": ["192.0.2.1", "169.254.169.254"],
  "mapped.test": ["::ffff:a9fe:a9fe"],
  "mapped2.test": ["::FFFF:169.254.1.1"],
  "six.test": ["fe80::1"],
  "aws.test": ["fd00:ec2::254"],
};

/** Downloads where `redirects` sends from one URL to another. */
async function download(
  url: string,
  redirects: Readonly<Record<string, string>> = {},
): Promise<{ text: string; asked: string[] }> {
  const asked: string[] = [];
  const response = await downloadSource(url, {
    signal: new AbortController().signal,
    lookup: (hostname) => Promise.resolve(ADDRESSES[hostname] ?? [hostname]),
    fetch({ href }) {
      asked.push(href);
      const location = redirects[href];
      return Promise.resolve(
        location === undefined
          ? new Response("body")
          : new Response(null, { status: 302, headers: { location } }),
      );
    },
  });
  return { text: await response.text(), asked };
}

Deno.test("downloadSource() follows redirections, relative ones too", async () => {
  const { text, asked } = await download("http://good.test/a", {
    "http://good.test/a": "https://good.test/b",
    "https://good.test/b": "c",
  });
  assert.equal(text, "body");
  assert.deepEqual(asked, ["http://good.test/a", "https://good.test/b", "https://good.test/c"]);
});

Deno.test("downloadSource() reaches private networks, where registries are", async () => {
  for (const host of ["10.0.0.1", "127.0.0.1:8080", "[fd12::1]", "169.253.1.1"]) {
    assert.equal((await download(`http://${host}/`)).text, "body");
  }
});

const REFUSED = [
  "file:///etc/passwd",
  "data:text/plain,x",
  "ftp://good.test/",
  "http://169.254.169.254/latest",
  "http://[fe80::1]/",
  "http://[febf::1]/",
  "http://metadata.test/",
  "http://mapped.test/",
  "http://mapped2.test/",
  "http://six.test/",
  "http://aws.test/",
];

for (const url of REFUSED) {
  Deno.test(`downloadSource() refuses ${url}, and to be sent there`, async () => {
    const message = /nodes do not download from there: /;
    await assert.rejects(download(url), message);
    await assert.rejects(download("http://good.test/", { "http://good.test/": url }), message);
  });
}

Deno.test("downloadSource() does not run in circles", async () => {
  const circle = { "http://good.test/": "http://good.test/" };
  await assert.rejects(download("http://good.test/", circle), /more than 20 redirections/);
});
