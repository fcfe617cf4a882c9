/**
 * Frames that containerd 1.6.20 and 2.3.4 and runc's shim sent each other, recorded on the socket.
 *
 * @module
 */

import assert from "node:assert/strict";
import { wireBytes } from "../../tests/support/wire_bytes.ts";
import { decodeMessage } from "../proto/decode.ts";
import { encodeMessage } from "../proto/encode.ts";
import { FORWARD_REQUEST, TASK_EVENTS } from "../proto/events.ts";
import type { MessageType } from "../proto/schema.ts";
import {
  CONNECT_REQUEST,
  CONNECT_RESPONSE,
  CREATE_TASK_REQUEST,
  CREATE_TASK_RESPONSE,
  DELETE_RESPONSE,
  KILL_REQUEST,
  SHUTDOWN_REQUEST,
  START_REQUEST,
  START_RESPONSE,
  STATE_REQUEST,
  STATE_RESPONSE,
  WAIT_RESPONSE,
} from "../proto/task.ts";
import { REQUEST, type Request, RESPONSE, type Response } from "../proto/ttrpc.ts";
import { EMPTY, GO_ZERO_TIME, unpackAny } from "../proto/well_known.ts";
import { encodeFrame, FRAME_TYPE, FrameDecoder } from "./frame.ts";
import { NAMESPACE_KEY } from "./method.ts";

const TASK_V2 = '0a17 "containerd.task.v2.Task"';
const BUNDLE = "/tmp/c/s/io.containerd.runtime.v2.task/ns/t1";
const FIFO = "/tmp/c/f/3011979474/t1-std";

interface GoldenFrame {
  readonly name: string;
  readonly wire: string;
  readonly streamId: number;
  readonly isRequest: boolean;
  /** Of the payload. */
  readonly type: MessageType;
  readonly payload: Record<string, unknown>;
  /** What else the request or response says. */
  readonly rest?: Partial<Request> | Partial<Response>;
}

const FRAMES: readonly GoldenFrame[] = [
  {
    name: "Create",
    wire: `000000b2 00000001 01 00 ${TASK_V2} 1206 "Create" 1a8e01 0a02 "t1" 122c "${BUNDLE}"` +
      ` 2a1c "${FIFO}in" 321d "${FIFO}out" 3a1d "${FIFO}err"`,
    streamId: 1,
    isRequest: true,
    type: CREATE_TASK_REQUEST,
    payload: {
      id: "t1",
      bundle: BUNDLE,
      rootfs: [],
      terminal: false,
      stdin: `${FIFO}in`,
      stdout: `${FIFO}out`,
      stderr: `${FIFO}err`,
      checkpoint: "",
      parentCheckpoint: "",
    },
    rest: { method: "Create" },
  },
  {
    name: "Create of version 3, with the namespace",
    wire: '00000077 00000001 01 00 0a17 "containerd.task.v3.Task" 1206 "Create" 1a32 0a02 "t1"' +
      ` 122c "${BUNDLE}" 2a20 0a1a "containerd-namespace-ttrpc" 1202 "ns"`,
    streamId: 1,
    isRequest: true,
    type: CREATE_TASK_REQUEST,
    payload: {
      id: "t1",
      bundle: BUNDLE,
      rootfs: [],
      terminal: false,
      stdin: "",
      stdout: "",
      stderr: "",
      checkpoint: "",
      parentCheckpoint: "",
    },
    rest: {
      service: "containerd.task.v3.Task",
      method: "Create",
      metadata: [{ key: NAMESPACE_KEY, value: "ns" }],
    },
  },
  {
    name: "the answer to Create",
    wire: "00000005 00000001 02 00 1203 08e209",
    streamId: 1,
    isRequest: false,
    type: CREATE_TASK_RESPONSE,
    payload: { pid: 1250 },
  },
  {
    name: "Connect",
    wire: `00000028 00000003 01 00 ${TASK_V2} 1207 "Connect" 1a04 0a02 "t1"`,
    streamId: 3,
    isRequest: true,
    type: CONNECT_REQUEST,
    payload: { id: "t1" },
    rest: { method: "Connect" },
  },
  {
    name: "the answer to Connect",
    wire: "00000008 00000003 02 00 1206 08c009 10e209",
    streamId: 3,
    isRequest: false,
    type: CONNECT_RESPONSE,
    payload: { shimPid: 1216, taskPid: 1250, version: "" },
  },
  {
    name: "Start",
    wire: `00000026 00000005 01 00 ${TASK_V2} 1205 "Start" 1a04 0a02 "t1"`,
    streamId: 5,
    isRequest: true,
    type: START_REQUEST,
    payload: { id: "t1", execId: "" },
    rest: { method: "Start" },
  },
  {
    name: "the answer to Start",
    wire: "00000005 00000005 02 00 1203 08e209",
    streamId: 5,
    isRequest: false,
    type: START_RESPONSE,
    payload: { pid: 1250 },
  },
  {
    name: "the state of a running task",
    wire: `000000a3 00000007 02 00 12a001 0a02 "t1" 122c "${BUNDLE}" 18e209 2002` +
      ` 2a1c "${FIFO}in" 321d "${FIFO}out" 3a1d "${FIFO}err" 520b 088092b8c398feffffff01`,
    streamId: 7,
    isRequest: false,
    type: STATE_RESPONSE,
    payload: {
      id: "t1",
      bundle: BUNDLE,
      pid: 1250,
      status: "running",
      stdin: `${FIFO}in`,
      stdout: `${FIFO}out`,
      stderr: `${FIFO}err`,
      terminal: false,
      exitStatus: 0,
      exitedAt: GO_ZERO_TIME,
      execId: "",
    },
  },
  {
    name: "State with a time limit",
    wire: `0000002c 00000009 01 00 ${TASK_V2} 1205 "State" 1a04 0a02 "t1" 20c7e1d5b907`,
    streamId: 9,
    isRequest: true,
    type: STATE_REQUEST,
    payload: { id: "t1", execId: "" },
    rest: { method: "State", timeoutNano: 1_999_990_983n },
  },
  {
    name: "the answer to Wait",
    wire: "00000011 00000011 02 00 120f 0807 120b 08acb88ad806 108982d22b",
    streamId: 17,
    isRequest: false,
    type: WAIT_RESPONSE,
    payload: { exitStatus: 7, exitedAt: { seconds: 1795333164n, nanos: 91521289 } },
  },
  {
    name: "Kill",
    wire: `00000027 00000021 01 00 ${TASK_V2} 1204 "Kill" 1a06 0a02 "t1" 1809`,
    streamId: 33,
    isRequest: true,
    type: KILL_REQUEST,
    payload: { id: "t1", execId: "", signal: 9, all: false },
    rest: { method: "Kill" },
  },
  {
    name: "an empty answer",
    wire: "00000000 00000021 02 00",
    streamId: 33,
    isRequest: false,
    type: EMPTY,
    payload: {},
  },
  {
    name: "the answer to Kill of a dead task",
    wire: '00000029 00000025 02 00 0a27 0805 1223 "process already finished: not found"',
    streamId: 37,
    isRequest: false,
    type: EMPTY,
    payload: {},
    rest: { status: { code: 5, message: "process already finished: not found", details: [] } },
  },
  {
    name: "the answer to Delete",
    wire: "00000015 0000002b 02 00 1213 08e209 108901 1a0b 08acb88ad806 10e788e537",
    streamId: 43,
    isRequest: false,
    type: DELETE_RESPONSE,
    payload: { pid: 1250, exitStatus: 137, exitedAt: { seconds: 1795333164n, nanos: 116999271 } },
  },
  {
    name: "Shutdown",
    wire: `0000002f 0000002d 01 00 ${TASK_V2} 1208 "Shutdown" 1a04 0a02 "t1" 20e4f6c0960b`,
    streamId: 45,
    isRequest: true,
    type: SHUTDOWN_REQUEST,
    payload: { id: "t1", now: false },
    rest: { method: "Shutdown", timeoutNano: 2_999_991_140n },
  },
];

const DEFAULT_REQUEST = {
  service: "containerd.task.v2.Task",
  timeoutNano: 0n,
  metadata: [],
};

for (const { name, wire, streamId, isRequest, type, payload, rest } of FRAMES) {
  Deno.test(`FrameDecoder reads ${name}, and encodeFrame() writes it again`, () => {
    const bytes = wireBytes(wire);
    const [frame, ...others] = new FrameDecoder().push(bytes);
    assert.deepEqual(others, []);
    assert.equal(frame!.streamId, streamId);
    assert.equal(frame!.flags, 0);
    assert.equal(frame!.type, isRequest ? FRAME_TYPE.request : FRAME_TYPE.response);

    const message = decodeMessage(isRequest ? REQUEST : RESPONSE, frame!.data);
    const { payload: raw, ...envelope } = message;
    assert.deepEqual(envelope, { ...isRequest ? DEFAULT_REQUEST : {}, ...rest });
    assert.deepEqual(decodeMessage(type, raw), payload);

    const again = { ...message, payload: encodeMessage(type, payload) };
    const data = encodeMessage(isRequest ? REQUEST : RESPONSE, again);
    assert.deepEqual(encodeFrame({ streamId, type: frame!.type, data }), bytes);
  });
}

Deno.test("the event of an exit has the bytes of runc's shim", () => {
  const bytes = wireBytes(
    '000000ba 0000000b 01 00 0a2a "containerd.services.events.ttrpc.v1.Events" 1207 "Forward"' +
      ' 1a5b 0a59 0a0b 08acb88ad806 10ef90e637 1202 "ns" 1a0b "/tasks/exit"' +
      ' 2239 0a1a "containerd.events.TaskExit" 121b 0a02 "t1" 1202 "t1" 18e209 208901' +
      " 2a0b 08acb88ad806 10e788e537" +
      ' 20e8b097d012 2a20 0a1a "containerd-namespace-ttrpc" 1202 "ns"',
  );
  const [frame] = new FrameDecoder().push(bytes);
  const request = decodeMessage(REQUEST, frame!.data);
  const { envelope } = decodeMessage(FORWARD_REQUEST, request.payload);
  assert.equal(envelope?.topic, "/tasks/exit");
  assert.deepEqual(unpackAny(TASK_EVENTS["/tasks/exit"], envelope!.event!), {
    containerId: "t1",
    id: "t1",
    pid: 1250,
    exitStatus: 137,
    exitedAt: { seconds: 1795333164n, nanos: 116999271 },
  });
  const payload = encodeMessage(FORWARD_REQUEST, { envelope });
  assert.deepEqual(encodeMessage(REQUEST, { ...request, payload }), frame!.data);
});
