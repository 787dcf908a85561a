/** A run as a story: a line for each observation that a reader wants to see, undefined for the rest. */
import { tellV3 } from './narrate-v3.ts';
import type { ClientOperation, ClientOutcome, Observation } from './observation.ts';

export function narrate(observation: Observation): string | undefined {
  const told = tell(observation);
  return told && `${(observation.atMs / 1000).toFixed(3).padStart(9)} s  ${told}`;
}

function tell(observation: Observation): string | undefined {
  switch (observation.kind) {
    case 'phase-begun':
      return `== ${observation.phase}`;
    case 'fault-begun':
      return `!! ${observation.fault} ${observation.detail}`;
    case 'fault-ended':
      return `   ${observation.fault} ends ${observation.detail}`;
    case 'member-started': {
      const { member, memberId, life, term, commit, snapshotIndex, entries, forcedNewCluster } = observation;
      const last = entries.at(-1)?.index ?? snapshotIndex;
      return `${member} starts (${memberId.toString(16)}, life ${life}): term ${term}, log (${snapshotIndex}, ${last}], commit ${commit}${forcedNewCluster ? ', forcing a new cluster' : ''}`;
    }
    case 'member-ended':
      return `${observation.member} ${observation.how} ${observation.reason}`;
    case 'data-lost':
      return `${observation.member} has lost its data`;
    case 'leader-elected':
      return `${observation.member} leads term ${observation.term}, log to ${observation.lastIndex}`;
    case 'configuration-changed': {
      const { voters, learners } = observation.configuration;
      return `${observation.member} is in a configuration of ${ids(voters)}${learners.length > 0 ? `, learning ${ids(learners)}` : ''}`;
    }
    case 'snapshot-installed':
      return `${observation.member} installs a snapshot at ${observation.index}`;
    case 'operation-invoked':
      return `client ${observation.client} -> ${observation.member} #${observation.operationId} ${operationText(observation.operation)}`;
    case 'operation-returned':
      return `client ${observation.client} <- ${observation.member} #${observation.operationId} ${outcomeText(observation.outcome)}`;
    case 'watch-begun': {
      const { watcherId, member, path, sinceIndex, startIndex, resumes } = observation;
      return `watcher ${watcherId} at ${member} on ${path} since ${sinceIndex}${resumes ? '' : ', which is forgotten'}, tree at ${startIndex}`;
    }
    case 'watch-delivered': {
      const { action, key, value, modifiedIndex } = observation.event;
      return `watcher ${observation.watcherId} hears ${action} ${key} ${short(value)} at ${modifiedIndex}`;
    }
    case 'key-expired':
      return `${observation.member} lets ${observation.key} expire at ${observation.modifiedIndex}`;
    case 'v3-invoked':
    case 'v3-returned':
    case 'v3-opened':
    case 'v3-watch-begun':
    case 'v3-watch-delivered':
    case 'v3-watch-ended':
    case 'v3-revoke-committed':
      return tellV3(observation);
    default:
      return undefined;
  }
}

function ids(members: readonly bigint[]): string {
  return members.map((id) => id.toString(16).slice(0, 4)).join(' ');
}

/** Long values are one number and filling. */
function short(value: string | undefined): string {
  if (value === undefined) return '';
  return value.length > 16 ? `${value.replace(/\.+$/, '')}… (${value.length})` : value;
}

function operationText(operation: ClientOperation): string {
  const { kind, key } = operation;
  const parts = [kind, key];
  if ('value' in operation) parts.push(short(operation.value));
  if ('prevValue' in operation) parts.push(`if ${short(operation.prevValue) || operation.prevIndex}`);
  if (kind === 'put' && operation.ttlMs !== undefined) parts.push(`for ${operation.ttlMs} ms`);
  return parts.join(' ');
}

function outcomeText(outcome: ClientOutcome): string {
  switch (outcome.kind) {
    case 'done':
      return `${outcome.action} ${outcome.key} ${short(outcome.value)} at ${outcome.modifiedIndex} of ${outcome.etcdIndex}`;
    case 'refused':
      return `refused: ${outcome.errorCode} ${outcome.cause} at ${outcome.etcdIndex}`;
    case 'unknown':
      return `unknown: ${outcome.reason}`;
    default:
      return unreachable(outcome);
  }
}

function unreachable(value: never): never {
  throw new Error(`unknown outcome ${String(value)}`);
}
