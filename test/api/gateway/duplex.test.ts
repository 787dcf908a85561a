/** A stream through the gateway over a real connection, both ways at once: etcd's gateway answers only when the request's body has ended. */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import type { GrpcStreamCall } from '../../../src/net/grpc-call.ts';
import { gatewayOf } from './support/gateway-of.ts';

test('a client hears answers while it still asks, and its leaving ends the call', async (t) => {
  let left: () => void = () => {};
  const leaving = new Promise<void>((resolve) => {
    left = resolve;
  });
  const open = (call: GrpcStreamCall) => {
    call.onClose(left);
    // The ID is field 1 of the request and field 2 of the answer.
    return {
      message: (bytes: Uint8Array) => void call.write(Uint8Array.of(0x10, bytes[1]!)),
      clientDone() {},
    };
  };
  const methods = new Map([['/etcdserverpb.Lease/LeaseKeepAlive', { kind: 'bidirectional', open } as const]]);
  const port = await gatewayOf(t, methods);

  const sent = request({
    host: '127.0.0.1',
    port,
    path: '/v3/lease/keepalive',
    method: 'POST',
    headers: { 'transfer-encoding': 'chunked' },
  });
  sent.on('error', () => {});
  sent.write('{"ID":1}');
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.on('error', () => {});
  const text = async () => String((await once(answer, 'data'))[0]);
  assert.equal(await text(), '{"result":{"ID":"1"}}\n');
  sent.write('{"ID":');
  sent.write('2}');
  assert.equal(await text(), '{"result":{"ID":"2"}}\n');
  sent.destroy();
  await leaving;
});
