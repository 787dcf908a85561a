/** Calls of v3 methods by their generated messages, without a transport. */
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { GrpcMethod, GrpcStreamHandler } from '../../../../src/net/grpc-call.ts';
import { FakeStreamCall } from '../../support/fake-stream-call.ts';

export class Methods {
  readonly #table: ReadonlyMap<string, GrpcMethod>;

  constructor(methods: Iterable<readonly [string, GrpcMethod]>) {
    this.#table = new Map(methods);
  }

  /** Starts a call; what it is answered stands in the call. */
  call<S extends DescMessage>(
    path: string,
    schema: S,
    fields: MessageInitShape<S>,
    call = new FakeStreamCall(),
  ): FakeStreamCall {
    const method = this.#table.get(path);
    // A transport's buffer is used again once the method has returned.
    const bytes = Buffer.from(toBinary(schema, create(schema, fields)));
    if (method?.kind === 'unary' || method?.kind === 'server-stream') method.handle(call, bytes);
    else assert.fail(`${path} takes no single request`);
    bytes.fill(0xff);
    return call;
  }

  open(path: string, call: FakeStreamCall): GrpcStreamHandler {
    const method = this.#table.get(path);
    assert.equal(method?.kind, 'bidirectional');
    return (method as Extract<GrpcMethod, { kind: 'bidirectional' }>).open(call);
  }
}

/** The one message of an answered call. */
export function answerOf<S extends DescMessage>(schema: S, call: FakeStreamCall): MessageShape<S> {
  assert.deepEqual(call.failure, undefined);
  assert.equal(call.written.length, 1);
  return fromBinary(schema, Uint8Array.from(call.written[0]!));
}

/** 'STATUS TEXT' */
export function failureOf(call: FakeStreamCall): string {
  return call.failure === undefined ? 'none' : `${call.failure.status} ${call.failure.message}`;
}

/** Lets turns pass until the call has ended. */
export async function ended(call: FakeStreamCall): Promise<void> {
  while (!call.closed) await nextTurn();
}
