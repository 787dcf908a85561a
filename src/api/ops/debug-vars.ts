/**
 * /debug/vars: the process and its raft state as one JSON object, a line for each variable, sorted by name as Go's expvar does.
 * `memstats` holds those of Go's fields that have a meaning here.
 */
import type { HttpExchange } from '../../net/http-exchange.ts';
import type { RaftStatus } from '../../raft/node.ts';
import type { QuorateServer } from '../../server/contract.ts';
import { quoteGo, quoteGoList } from '../../wire/go-json.ts';
import { STATE_NAMES } from '../v2/stats.ts';

/** What the process knows of itself. */
export interface ProcessFacts {
  readonly commandLine: readonly string[];
  /** Undefined where the platform does not tell. */
  fileDescriptorLimit(): number | undefined;
  memoryUsage(): { readonly rss: number; readonly heapTotal: number; readonly heapUsed: number };
}

/** The raft core's own view; without it what the server tells is shown, and no progress of followers. */
export type RaftStatusSource = () => RaftStatus;

const HEADERS = 'Content-Type: application/json; charset=utf-8\r\n';
const PROGRESS_NAMES = {
  probe: 'StateProbe',
  replicate: 'StateReplicate',
  snapshot: 'StateSnapshot',
} as const;

export function serveDebugVars(
  exchange: HttpExchange,
  server: QuorateServer,
  facts: ProcessFacts,
  raftStatus: RaftStatusSource | undefined,
): void {
  const memory = facts.memoryUsage();
  const variables: readonly (readonly [name: string, json: string])[] = [
    ['cmdline', quoteGoList(facts.commandLine)],
    ['file_descriptor_limit', String(facts.fileDescriptorLimit() ?? 0)],
    [
      'memstats',
      `{"Alloc":${memory.heapUsed},"Sys":${memory.rss},"HeapAlloc":${memory.heapUsed},` +
        `"HeapSys":${memory.heapTotal},"HeapIdle":${memory.heapTotal - memory.heapUsed},"HeapInuse":${memory.heapUsed}}`,
    ],
    ['raft.status', raftStatus === undefined ? serverText(server) : statusText(raftStatus())],
  ];
  const lines = variables.map(([name, json]) => `${quoteGo(name)}: ${json}`);
  exchange.send(200, HEADERS, `{\n${lines.join(',\n')}\n}\n`);
}

function statusText(status: RaftStatus): string {
  const progress = [...status.progress].map(
    ([id, { match, next, state }]) =>
      `"${id.toString(16)}":{"match":${match},"next":${next},"state":"${PROGRESS_NAMES[state]}"}`,
  );
  return (
    `{"id":"${status.id.toString(16)}","term":${status.term},"vote":"${status.vote.toString(16)}",` +
    `"commit":${status.commit},"lead":"${status.leader.toString(16)}","raftState":"${STATE_NAMES[status.role]}",` +
    `"applied":${status.applied},"progress":{${progress.sort().join(',')}},` +
    `"leadtransferee":"${status.transferee.toString(16)}"}`
  );
}

function serverText(server: QuorateServer): string {
  return (
    `{"id":"${server.memberId.toString(16)}","term":${server.raftTerm},"commit":${server.raftIndex},` +
    `"lead":"${server.leaderId.toString(16)}","raftState":"${STATE_NAMES[server.selfStats().role]}",` +
    `"applied":${server.appliedIndex}}`
  );
}
