/**
 * A committed v3 request becomes a change of the state, by etcd's rules. What it does depends on the log alone, so that every member does the
 * same: the alarms that restrict it come through the log, too, and time only says when a lease began, which is the leader's to know.
 */

import type { DeletionJob } from '../../store/mvcc/types.ts';
import { AlarmAction, AlarmType, type RequestOp, type V3Request } from '../../wire/v3/kv-types.ts';
import type { Cluster } from '../membership/cluster.ts';
import { encodeAttributes } from '../membership/member-json.ts';
import type { AlarmMember, V3Failure, V3Outcome } from '../v3-contract.ts';
import type { V3State } from './v3-state.ts';

export interface V3ApplierParts {
  readonly state: V3State;
  readonly cluster: Cluster;
  readonly monotonicMs: () => number;
  readonly onAlarm: (alarm: AlarmMember, raised: boolean) => void;
}

export class V3Applier {
  readonly #parts: V3ApplierParts;

  constructor(parts: V3ApplierParts) {
    this.#parts = parts;
  }

  /**
   * A job is the caller's to run to its end, before anything else is applied. `isNew`: false if the backend held the entry's effect before a restart; then only what stands in the v2 tree is done. Throws if this
   * version can't do what every other member does.
   */
  apply(request: V3Request, isNew: boolean): V3Outcome | DeletionJob {
    switch (request.kind) {
      case 'cluster-version-set':
        this.#parts.cluster.setVersion(request.version);
        return this.#nothing();
      case 'member-attributes-set':
        this.#parts.cluster.setAttributes(
          request.memberId,
          encodeAttributes({ name: request.name, clientURLs: request.clientURLs }),
        );
        return this.#nothing();
      case 'downgrade-info-set': {
        const targetVersion = request.enabled ? request.version : '';
        if (isNew) this.#parts.state.downgrade.set({ enabled: request.enabled, targetVersion });
        return this.#nothing();
      }
      case 'auth':
        throw new Error(
          `the log holds a request of etcd's auth (field ${request.field} of InternalRaftRequest), which this version cannot apply: ` +
            'going on would make this member differ from the others, and open what they protect',
        );
    }
    return isNew ? this.#applyToBackend(request) : this.#nothing();
  }

  #applyToBackend(request: V3Request): V3Outcome | DeletionJob {
    const { kv, lessor, alarms } = this.#parts.state;
    if (alarms.has(AlarmType.corrupt) && request.kind !== 'alarm' && request.kind !== 'lease-checkpoint')
      return failure('corrupt');
    const isFull = alarms.has(AlarmType.noSpace);
    switch (request.kind) {
      case 'range':
        return kv.range(request.request);
      case 'put':
        return isFull ? failure('no-space') : kv.put(request.request);
      case 'delete-range':
        return kv.deletionJob(request.request) ?? kv.deleteRange(request.request);
      case 'txn': {
        const { success, failure: otherwise } = request.request;
        if (isFull && (hasPut(success) || hasPut(otherwise))) return failure('no-space');
        return kv.txn(request.request);
      }
      case 'compaction': {
        const result = kv.compact(request.request);
        if (result.kind === 'error') return result;
        return { kind: 'compaction', revision: kv.revision };
      }
      case 'lease-grant': {
        if (isFull) return failure('no-space');
        const { id, ttl } = request.request;
        const granted = lessor.grant(id, ttl, this.#parts.monotonicMs());
        if ('error' in granted)
          return failure(granted.error === 'not-primary' ? 'lease-not-found' : granted.error);
        return { kind: 'lease-grant', id: granted.id, ttl: granted.ttl, revision: kv.revision };
      }
      case 'lease-revoke': {
        const { id } = request.request;
        if (!lessor.exists(id)) return failure('lease-not-found');
        const revision = kv.deleteLeaseKeys(id);
        lessor.revoke(id);
        return { kind: 'lease-revoke', revision };
      }
      case 'lease-checkpoint':
        for (const { id, remainingTtl } of request.checkpoints) {
          lessor.checkpoint(id, remainingTtl, this.#parts.monotonicMs());
        }
        return this.#nothing();
      case 'alarm':
        return this.#applyAlarm(request.request);
      default:
        throw new Error(`a request of kind ${request.kind} does not concern the backend`);
    }
  }

  #applyAlarm(request: Extract<V3Request, { kind: 'alarm' }>['request']): V3Outcome {
    const { alarms, kv } = this.#parts.state;
    const { memberId, alarm } = request;
    let touched: readonly AlarmMember[] = [];
    if (request.action === AlarmAction.get) touched = alarms.list(alarm);
    else if (request.action === AlarmAction.activate) {
      if (alarm !== AlarmType.none) {
        if (alarms.raise({ memberId, alarm })) this.#parts.onAlarm({ memberId, alarm }, true);
        touched = [{ memberId, alarm }];
      }
    } else if (request.action === AlarmAction.deactivate && alarms.clear({ memberId, alarm })) {
      this.#parts.onAlarm({ memberId, alarm }, false);
      touched = [{ memberId, alarm }];
    }
    return { kind: 'alarm', alarms: touched, revision: kv.revision };
  }

  #nothing(): V3Outcome {
    return { kind: 'none', revision: this.#parts.state.kv.revision };
  }
}

function failure(code: V3Failure['code']): V3Failure {
  return { kind: 'error', code };
}

/** As etcd looks for them: puts of nested transactions are not seen, and all members must agree. */
function hasPut(operations: readonly RequestOp[]): boolean {
  return operations.some((each) => each.kind === 'put');
}
