/**
 * /health: whether this member can serve linearizable requests, and no alarm is raised.
 *
 *   ?exclude=NOSPACE      that alarm does not count; may be repeated
 *   ?serializable=true    reads of this member alone: neither a leader nor a quorum is asked for
 */
import type { HttpExchange } from '../../net/http-exchange.ts';
import type { QuorateServer } from '../../server/contract.ts';
import type { AlarmMember } from '../../server/v3-contract.ts';
import { AlarmType } from '../../wire/v3/kv-types.ts';
import { sendTextError, TEXT_HEADERS } from '../http/answers.ts';
import { parseForm } from '../http/form.ts';
import type { ProbeCounts } from './probes.ts';

/** Counts of what was answered. */
export interface HealthChecks {
  succeeded: number;
  failed: number;
  readonly probes: ProbeCounts;
}

/** What is asked for one's health. */
export interface HealthSource {
  readonly server: QuorateServer;
  readonly alarms: () => readonly AlarmMember[];
}

export function serveHealth(exchange: HttpExchange, source: HealthSource, checks: HealthChecks): void {
  const query = queryOf(exchange);
  const answer = (healthy: boolean, reason: string): void => {
    if (healthy) {
      checks.succeeded++;
      exchange.send(200, TEXT_HEADERS, '{"health":"true"}');
    } else {
      checks.failed++;
      sendTextError(exchange, 503, `{"health":"false","reason":${JSON.stringify(reason)}}`);
    }
  };
  const excluded = query.get('exclude') ?? [];
  const alarm = source.alarms().find((each) => !excluded.includes(alarmName(each)));
  if (alarm !== undefined) answer(false, `ALARM ${alarmName(alarm)}`);
  else if (query.get('serializable')?.[0] === 'true') answer(true, '');
  else source.server.checkHealth(answer);
}

export function alarmName({ alarm }: AlarmMember): string {
  if (alarm === AlarmType.noSpace) return 'NOSPACE';
  return alarm === AlarmType.corrupt ? 'CORRUPT' : 'UNKNOWN';
}

/** All values of each key, in order; broken pairs are left out. */
export function queryOf(exchange: HttpExchange): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  parseForm(exchange.query, (key, value) => {
    const known = values.get(key);
    if (known === undefined) values.set(key, [value]);
    else known.push(value);
  });
  return values;
}
