import assert from "node:assert/strict";
import { seededRandom } from "../../tests/support/seeded_random.ts";
import { wireBytes } from "../../tests/support/wire_bytes.ts";
import {
  encodeFrame,
  type Frame,
  FRAME_FLAG,
  FRAME_TYPE,
  FrameDecoder,
  HEADER_BYTES,
  MAX_MESSAGE_BYTES,
} from "./frame.ts";

Deno.test("encodeFrame() writes length, stream, type and flags before the message", () => {
  const data = Uint8Array.of(1, 2, 3);
  const frame = { streamId: 0x01020304, type: FRAME_TYPE.data, flags: FRAME_FLAG.remoteOpen, data };
  assert.deepEqual(encodeFrame(frame), wireBytes("00000003 01020304 03 02 010203"));
});

Deno.test("encodeFrame() refuses a message of more than 4 MiB", () => {
  const longest = new Uint8Array(MAX_MESSAGE_BYTES);
  assert.equal(
    encodeFrame({ streamId: 1, type: 1, data: longest }).length,
    HEADER_BYTES + MAX_MESSAGE_BYTES,
  );
  assert.throws(
    () => encodeFrame({ streamId: 1, type: 1, data: new Uint8Array(MAX_MESSAGE_BYTES + 1) }),
    {
      name: "RangeError",
      message: "message length 4194305 exceed maximum message size of 4194304",
    },
  );
});

Deno.test("FrameDecoder says whether it is inside of a frame", () => {
  const decoder = new FrameDecoder();
  assert.equal(decoder.isInsideFrame, false);
  decoder.push(wireBytes("000000"));
  assert.equal(decoder.isInsideFrame, true);
  decoder.push(wireBytes("01 00000001 01 00"));
  assert.equal(decoder.isInsideFrame, true);
  assert.equal(decoder.push(wireBytes("ff")).length, 1);
  assert.equal(decoder.isInsideFrame, false);
});

Deno.test("FrameDecoder keeps nothing of the chunk it was given", () => {
  const decoder = new FrameDecoder();
  const chunk = wireBytes("00000002 00000001 01 00 0102");
  const [frame] = decoder.push(chunk);
  chunk.fill(0xff);
  assert.deepEqual(frame!.data, Uint8Array.of(1, 2));
});

Deno.test("FrameDecoder discards a message of more than 4 MiB and goes on behind it", () => {
  const decoder = new FrameDecoder();
  const tooLong = new Uint8Array(HEADER_BYTES + MAX_MESSAGE_BYTES + 1);
  tooLong.set(wireBytes("00400001 00000005 01 00"));
  const frames: Frame[] = [];
  for (let start = 0; start < tooLong.length; start += 65_536) {
    frames.push(...decoder.push(tooLong.subarray(start, start + 65_536)));
  }
  frames.push(...decoder.push(wireBytes("00000001 00000007 01 00 2a")));
  assert.deepEqual(frames, [
    { streamId: 5, type: 1, flags: 0, length: MAX_MESSAGE_BYTES + 1, data: new Uint8Array(0) },
    { streamId: 7, type: 1, flags: 0, length: 1, data: Uint8Array.of(42) },
  ]);
});

Deno.test("FrameDecoder finds the same frames however they are cut and joined", () => {
  const random = seededRandom();
  const frames = Array.from({ length: 300 }, () => ({
    streamId: random.below(2 ** 32 - 1),
    type: random.below(256),
    flags: random.below(256),
    data: random.bytes(random.below(4) === 0 ? 0 : random.below(2000)),
  }));
  const stream = new Uint8Array(frames.flatMap((frame) => [...encodeFrame(frame)]));
  for (let round = 0; round < 20; round++) {
    const decoder = new FrameDecoder();
    const found: Frame[] = [];
    const longest = [1, 9, 11, 100, 5000, stream.length][round % 6]!;
    for (let start = 0; start < stream.length;) {
      const end = start + 1 + random.below(longest);
      found.push(...decoder.push(stream.subarray(start, end)));
      start = end;
    }
    const expected = frames.map((frame) => ({ ...frame, length: frame.data.length }));
    assert.deepEqual(found, expected, `seed ${random.seed}, round ${round}`);
  }
});

Deno.test("FrameDecoder takes any bytes, in bounded memory", () => {
  const random = seededRandom();
  for (let round = 0; round < 200; round++) {
    const decoder = new FrameDecoder();
    for (let part = 0; part < 20; part++) {
      const chunk = random.bytes(random.below(200));
      // Otherwise nearly all lengths are beyond the limit.
      if (random.below(2) === 0) chunk.fill(0, 0, 3);
      for (const { length, data } of decoder.push(chunk)) {
        const expected = length > MAX_MESSAGE_BYTES ? 0 : length;
        assert.equal(data.length, expected, `seed ${random.seed}, round ${round}`);
      }
    }
  }
});
