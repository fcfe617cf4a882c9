import assert from "node:assert/strict";
import { parseRedisAddress, type RedisAddress } from "./_redis_address.ts";

const LOCAL: RedisAddress = {
  host: "localhost",
  port: 6379,
  isTls: false,
  username: "",
  password: "",
  database: 0,
};

Deno.test("parseRedisAddress() reads every part", () => {
  const cases: [string, Partial<RedisAddress>][] = [
    ["redis://localhost", {}],
    ["redis://localhost/", {}],
    ["redis://localhost:7000/2", { port: 7000, database: 2 }],
    ["rediss://db.example:1", { host: "db.example", port: 1, isTls: true }],
    ["redis://:se%20cret@localhost", { password: "se cret" }],
    ["redis://me:p%40ss@localhost", { username: "me", password: "p@ss" }],
    ["redis://[::1]:7000", { host: "::1", port: 7000 }],
    ["redis://localhost?protocol=resp2", {}],
  ];
  for (const [text, expected] of cases) {
    assert.deepEqual(parseRedisAddress(text), { ...LOCAL, ...expected }, text);
  }
});

Deno.test("parseRedisAddress() refuses what is no address", () => {
  const texts = [
    "",
    "localhost",
    "localhost:6379",
    "http://localhost",
    "redis://",
    "redis:localhost",
    "redis://localhost:99999",
    "redis://localhost/zero",
    "redis://localhost/1/2",
    "redis://:%zz@localhost",
    "redis://denied?@allowed",
    "redis://denied#@allowed",
    "redis+unix:///run/redis.sock",
    "unix:///run/redis.sock",
  ];
  for (const text of texts) assert.equal(parseRedisAddress(text), undefined, text);
});
