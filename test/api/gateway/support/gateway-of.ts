/** Our gateway on a port of its own, before methods that a test chooses. */

import type { TestContext } from 'node:test';
import type { GrpcMethod } from '../../../../src/net/grpc-call.ts';
import type { HttpHandler } from '../../../../src/net/http-exchange.ts';
import { listen } from '../../../../src/net/listener.ts';
import { silentLog } from '../../../../src/ports/log.ts';
import { systemClockForTests } from '../../../net/clocks.ts';
import { createApi } from '../../support/api.ts';

/** The port; closed at the end of the test. `wrapped`: what stands before the gateway, nothing unless told. */
export async function gatewayOf(
  t: TestContext,
  methods: ReadonlyMap<string, GrpcMethod>,
  wrapped: (handler: HttpHandler) => HttpHandler = (handler) => handler,
): Promise<number> {
  const { handler } = createApi({ gateway: { methods, clock: systemClockForTests } });
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    handler: wrapped(handler),
    log: silentLog,
    clock: systemClockForTests,
  });
  t.after(() => listener.close());
  return listener.port;
}
