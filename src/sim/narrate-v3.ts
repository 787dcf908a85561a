/** The lines of a story that are about v3. */
import type {
  V3Compare,
  V3Event,
  V3Observation,
  V3Operation,
  V3Outcome,
  V3Row,
  V3Span,
  V3Step,
  V3StepResult,
} from './v3-observation.ts';

/** Undefined of what a reader does not want to see. */
export function tellV3(observation: V3Observation): string | undefined {
  switch (observation.kind) {
    case 'v3-invoked': {
      const { client, member, operationId, operation } = observation;
      return `client ${client} -> ${member} #${operationId} v3 ${operationText(operation)}`;
    }
    case 'v3-returned': {
      const { client, member, operationId, outcome } = observation;
      return `client ${client} <- ${member} #${operationId} ${outcomeText(outcome)}`;
    }
    case 'v3-opened': {
      const { member, revision, appliedIndex, compacted, rows } = observation;
      const past = compacted < 0 ? '' : `, compacted at ${compacted}`;
      return `${member} finds v3 revision ${revision} of entry ${appliedIndex}: ${rows.length} keys${past}`;
    }
    case 'v3-watch-begun': {
      const { watcherId, member, since, revision } = observation;
      return `watcher ${watcherId} at ${member} on v3 ${spanText(observation)} since ${since}, store at ${revision}`;
    }
    case 'v3-watch-delivered': {
      const { watcherId, events, revision } = observation;
      return `watcher ${watcherId} hears ${events.map(eventText).join(', ')}; all up to ${revision}`;
    }
    case 'v3-watch-ended':
      return observation.compacted === undefined
        ? undefined
        : `watcher ${observation.watcherId} hears that all before ${observation.compacted} is compacted`;
    case 'v3-revoke-committed':
      return `${observation.member} ends lease ${observation.lease}`;
    case 'v3-grant-committed':
    case 'v3-revision':
    case 'v3-applied':
    case 'v3-durable':
    case 'v3-final':
      return undefined;
  }
}

function operationText(operation: V3Operation): string {
  switch (operation.kind) {
    case 'put':
    case 'delete':
      return stepText(operation);
    case 'range': {
      const { serializable, sliceMs } = operation;
      return `${serializable ? 'serializable ' : ''}${stepText(operation)}${sliceMs > 0 ? ` in slices every ${sliceMs} ms` : ''}`;
    }
    case 'txn': {
      const { compares, success, failure } = operation;
      const [then, otherwise] = [success, failure].map((steps) => steps.map(stepText).join(', '));
      return `if ${compares.map(compareText).join(', ') || 'true'}: ${then}; else ${otherwise}`;
    }
    case 'compact':
      return `compact ${operation.revision}${operation.physical ? ' physically' : ''}`;
    case 'hash':
      return `hash at ${operation.revision}`;
    case 'lease-grant':
      return `lease-grant ${operation.lease} for ${operation.ttl} s`;
    default:
      return `${operation.kind} ${operation.lease}`;
  }
}

function stepText(step: V3Step): string {
  switch (step.kind) {
    case 'put':
      return `put ${step.key} ${short(step.value)}${step.lease === 0 ? '' : ` lease ${step.lease}`}`;
    case 'delete':
      return `delete ${spanText(step)}`;
    case 'range':
      return `range ${spanText(step)}${step.revision === 0 ? '' : ` at ${step.revision}`}${step.limit === 0 ? '' : ` limit ${step.limit}`}`;
  }
}

function compareText({ key, target, result, operand }: V3Compare): string {
  return `${target}(${key}) ${result} ${typeof operand === 'string' ? short(operand) : operand}`;
}

function outcomeText(outcome: V3Outcome): string {
  switch (outcome.kind) {
    case 'done': {
      const { revision, succeeded, results, ttl, hash } = outcome;
      const parts = [`revision ${revision}`];
      if (!succeeded) parts.push('failed comparison');
      parts.push(...results.map(resultText).filter((text) => text !== ''));
      if (ttl > 0) parts.push(`${ttl} s`);
      if (hash !== undefined) parts.push(`hash ${hash.hash} at ${hash.at}`);
      return parts.join(', ');
    }
    case 'refused':
      return `refused: ${outcome.code}`;
    case 'unknown':
      return `unknown: ${outcome.reason}`;
  }
}

function resultText(result: V3StepResult): string {
  switch (result.kind) {
    case 'put':
      return '';
    case 'delete':
      return `${result.previous.length} deleted`;
    case 'range':
      return `[${result.rows.map(rowText).join(', ')}]`;
  }
}

function eventText({ key, mod, row }: V3Event): string {
  return row === undefined ? `delete ${key} @${mod}` : `put ${rowText(row)}`;
}

function rowText({ key, value, mod }: V3Row): string {
  return `${key} ${short(value)} @${mod}`;
}

function spanText({ key, end }: V3Span): string {
  return end === '' ? key : `${key}..${end}`;
}

/** Long values are one number and filling. */
function short(value: string): string {
  return value.length > 16 ? `${value.slice(0, 12).replace(/\.+$/, '')}… (${value.length})` : value;
}
