import type { V3Operation, V3Outcome } from '../v3-observation.ts';
import type { ClientCall } from './client-api.ts';
import { serveV3 } from './v3-requests.ts';

/** An operation on its way; `heard` learns from what became of it. */
export function v3Call(
  operation: V3Operation,
  isWrite: boolean,
  heard: (outcome: V3Outcome) => void,
): ClientCall<V3Outcome> {
  return {
    isWrite,
    invoked: (site, atMs) => ({ kind: 'v3-invoked', atMs, ...site, operation }),
    returned: (site, atMs, outcome) => ({ kind: 'v3-returned', atMs, ...site, operation, outcome }),
    serve: (host, answer) => serveV3(host, operation, answer),
    heard,
  };
}
