/**
 * Requests with their expected answers, as tables.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { RunningApp } from "./running_app.ts";

/** One request and what has to come back. */
export interface Case {
  /** Method (GET if left out) and path: `PUT /kv/a`. */
  readonly request: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: string;
  /** Default: 200. */
  readonly status?: number;
  /** The whole body, a pattern of it, or what its JSON is. */
  readonly answer?: string | RegExp | { readonly json: unknown };
  /** Response headers that have to be there with this value. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
}

/** What came back, without what differs from time to time. */
export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** Sends the request of a case. */
export async function send(app: RunningApp, testCase: Case): Promise<Answer> {
  const [first = "/", second] = testCase.request.split(" ");
  const response = await app.fetch(second ?? first, {
    method: second === undefined ? "GET" : first,
    headers: (testCase.headers ?? []).map(([name, value]): [string, string] => [name, value]),
    ...(testCase.body === undefined ? {} : { body: testCase.body }),
  });
  return {
    status: response.status,
    headers: [...response.headers].filter(([name]) => name !== "date"),
    body: await bodyOf(response, testCase),
  };
}

async function bodyOf(response: Response, { request }: Case): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw new Error(`The answer to ${request} (${response.status}) broke off`, { cause: error });
  }
}

/** Sends the request of a case and checks the answer. */
export async function check(app: RunningApp, testCase: Case): Promise<Answer> {
  const answer = await send(app, testCase);
  const { request } = testCase;
  assert.equal(answer.status, testCase.status ?? 200, `${request}: ${answer.body.slice(0, 500)}`);
  const expected = testCase.answer;
  if (typeof expected === "string") assert.equal(answer.body, expected, request);
  else if (expected instanceof RegExp) assert.match(answer.body, expected, request);
  else if (expected) assert.deepEqual(JSON.parse(answer.body), expected.json, request);
  const headers = new Map(answer.headers);
  for (const [name, value] of Object.entries(testCase.answerHeaders ?? {})) {
    assert.equal(headers.get(name), value, `${request}: header ${name}`);
  }
  return answer;
}
