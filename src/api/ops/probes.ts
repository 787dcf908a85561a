/**
 * /livez and /readyz, as etcd 3.5 has them for orchestrators: a table of checks, each of which has a path of its own, too.
 *
 *   GET /readyz                    200 "ok", or 503 with a line for each check
 *   GET /readyz?verbose            the lines in any case
 *   GET /readyz?exclude=CHECK      without that check; may be repeated
 *   GET /readyz/linearizable_read  that check alone
 */
import type { HttpExchange } from '../../net/http-exchange.ts';
import { AlarmType } from '../../wire/v3/kv-types.ts';
import { sendTextError, TEXT_HEADERS } from '../http/answers.ts';
import { type HealthSource, queryOf } from './health.ts';
import type { MetricRow } from './lazy-metric.ts';

/** By 'TYPE NAME', how a check ended so far and the last time. */
export type ProbeCounts = Map<string, { succeeded: number; failed: number; healthy: boolean }>;

/** Undefined: passed. Otherwise why not. */
type Check = (source: HealthSource, done: (failure: string | undefined) => void) => void;

/** A member that answers at all can read what it holds. */
const serializableRead: Check = (_, done) => done(undefined);
const linearizableRead: Check = ({ server }, done) => server.awaitReadIndex((error) => done(error?.message));
const dataCorruption: Check = ({ alarms }, done) => {
  const isCorrupt = alarms().some(({ alarm }) => alarm === AlarmType.corrupt);
  done(isCorrupt ? 'alarm activated: CORRUPT' : undefined);
};
const nonLearner: Check = ({ server }, done) =>
  done(server.member(server.memberId)?.isLearner === true ? 'not supported for learner' : undefined);

const probes: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  livez: { serializable_read: serializableRead },
  readyz: {
    data_corruption: dataCorruption,
    serializable_read: serializableRead,
    linearizable_read: linearizableRead,
    non_learner: nonLearner,
  },
};

const OK_HEADERS = `${TEXT_HEADERS}X-Content-Type-Options: nosniff\r\n`;

export interface ProbeEndpoint {
  readonly path: string;
  readonly allow: 'GET';
  serve(exchange: HttpExchange): void;
}

export function probeEndpoints(source: HealthSource, counts: ProbeCounts): ProbeEndpoint[] {
  return Object.entries(probes).flatMap(([type, checks]) => {
    const endpoint = (path: string, names: readonly string[], mayExclude: boolean): ProbeEndpoint => ({
      path,
      allow: 'GET',
      serve: (exchange) => serve(exchange, source, counts, type, names, mayExclude),
    });
    const names = Object.keys(checks);
    return [
      endpoint(`/${type}`, names, true),
      ...names.map((name) => endpoint(`/${type}/${name}`, [name], false)),
    ];
  });
}

function serve(
  exchange: HttpExchange,
  source: HealthSource,
  counts: ProbeCounts,
  type: string,
  names: readonly string[],
  mayExclude: boolean,
): void {
  const query = queryOf(exchange);
  const excluded = mayExclude ? (query.get('exclude') ?? []) : [];
  const asked = names.filter((name) => !excluded.includes(name));
  const lines = new Map<string, string>();
  let healthy = true;
  const finish = (): void => {
    if (lines.size < asked.length) return;
    const report = asked.map((name) => lines.get(name)!).join('');
    if (!healthy) sendTextError(exchange, 503, report);
    else exchange.send(200, OK_HEADERS, `${query.has('verbose') ? report : ''}ok\n`);
  };
  if (asked.length === 0) finish();
  for (const name of asked) {
    probes[type]![name]!(source, (failure) => {
      healthy &&= failure === undefined;
      count(counts, `${type} ${name}`, failure === undefined);
      lines.set(name, failure === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${failure}\n`);
      finish();
    });
  }
}

function count(counts: ProbeCounts, check: string, healthy: boolean): void {
  const known = counts.get(check) ?? { succeeded: 0, failed: 0, healthy };
  if (healthy) known.succeeded++;
  else known.failed++;
  known.healthy = healthy;
  counts.set(check, known);
}

/** etcd's figures about them. */
export function probeRows(counts: ProbeCounts): MetricRow[] {
  const labelled = (check: string): { type: string; name: string } => {
    const [type = '', name = ''] = check.split(' ');
    return { type, name };
  };
  return [
    {
      name: 'etcd_server_healthcheck',
      help: 'The result of each kind of healthcheck.',
      type: 'gauge',
      samples: () =>
        [...counts].map(([check, { healthy }]) => ({ labels: labelled(check), value: healthy ? 1 : 0 })),
    },
    {
      name: 'etcd_server_healthchecks_total',
      help: 'The total number of each kind of healthcheck.',
      type: 'counter',
      samples: () =>
        [...counts].flatMap(([check, { succeeded, failed }]) => [
          { labels: { ...labelled(check), status: 'success' }, value: succeeded },
          { labels: { ...labelled(check), status: 'error' }, value: failed },
        ]),
    },
  ];
}
