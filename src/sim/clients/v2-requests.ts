/** A client's operation as a request to the server, and the server's answer as the client understands it. */
import type { Submitted } from '../../server/contract.ts';
import type { V2Outcome } from '../../store/v2/types.ts';
import { type V2Request, v2Request } from '../../wire/v2-request.ts';
import type { ClientOperation, ClientOutcome } from '../observation.ts';
import { KEYS_ROOT } from '../observed-member.ts';

/** `nowNs` is the wall time of the server, from which a TTL counts. */
export function requestOf(operation: ClientOperation, nowNs: bigint): V2Request {
  const path = KEYS_ROOT + operation.key;
  switch (operation.kind) {
    case 'get':
    case 'quorum-get':
      return v2Request({ method: 'QGET', path, quorum: true });
    case 'put': {
      const { value, ttlMs } = operation;
      const expirationNs = ttlMs === undefined ? 0n : nowNs + BigInt(ttlMs) * 1_000_000n;
      return v2Request({ method: 'PUT', path, value, expirationNs });
    }
    case 'create':
      return v2Request({ method: 'PUT', path, value: operation.value, prevExist: false });
    case 'update':
      return v2Request({ method: 'PUT', path, value: operation.value, prevExist: true });
    case 'compare-and-swap': {
      const { value, prevValue, prevIndex } = operation;
      return v2Request({ method: 'PUT', path, value, prevValue, prevIndex });
    }
    case 'compare-and-delete': {
      const { prevValue, prevIndex } = operation;
      return v2Request({ method: 'DELETE', path, prevValue, prevIndex });
    }
    case 'delete':
      return v2Request({ method: 'DELETE', path });
    case 'append':
      return v2Request({ method: 'POST', path, value: operation.value });
    default:
      return unreachable(operation);
  }
}

/** `logIndex`: where the request stands in the log; 0 for reads. */
export function outcomeOf(answer: Submitted<V2Outcome>, logIndex: number): ClientOutcome {
  if (!answer.ok) return { kind: 'unknown', reason: answer.error.code };
  const { event, error } = answer.value;
  if (event === undefined) {
    const { errorCode, cause, index } = error;
    return { kind: 'refused', errorCode, cause, etcdIndex: index, logIndex };
  }
  const { action, node, prevNode } = event;
  return {
    kind: 'done',
    action,
    key: node.key!.slice(KEYS_ROOT.length),
    value: node.dir === true ? undefined : node.value,
    modifiedIndex: node.modifiedIndex,
    createdIndex: node.createdIndex,
    previousValue: prevNode?.value,
    previousModifiedIndex: prevNode?.modifiedIndex ?? 0,
    etcdIndex: event.etcdIndex,
    logIndex,
  };
}

function unreachable(value: never): never {
  throw new Error(`unknown operation ${String(value)}`);
}
