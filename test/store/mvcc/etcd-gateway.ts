/** A real etcd behind its JSON gateway and etcdctl: requests as ours are, answers in the form of `shown`. */

import { execFile } from 'node:child_process';
import { Agent, request as httpRequest } from 'node:http';
import type { HashKvResult } from '../../../src/store/mvcc/types.ts';
import type {
  Compare,
  DeleteRangeRequest,
  KeyRange,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../../src/wire/v3/kv-types.ts';
import { PATIENCE } from '../../support/patient-etcdctl.ts';

interface Json {
  readonly [field: string]: unknown;
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const TARGETS = ['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE'];
const RESULTS = ['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL'];
const OPERANDS = {
  version: 'version',
  create: 'create_revision',
  mod: 'mod_revision',
  value: 'value',
  lease: 'lease',
} as const;
const ERRORS: readonly (readonly [string, string])[] = [
  ['required revision has been compacted', 'compacted'],
  ['required revision is a future revision', 'future-revision'],
  ['requested lease not found', 'lease-not-found'],
  ['key not found', 'key-not-found'],
];

export class EtcdGateway {
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  async range(request: RangeRequest): Promise<unknown> {
    return shownRange(await this.#ask('kv/range', rangeJson(request)));
  }

  async put(request: PutRequest): Promise<unknown> {
    return shownPut(await this.#ask('kv/put', putJson(request)));
  }

  async deleteRange(request: DeleteRangeRequest): Promise<unknown> {
    return shownDelete(await this.#ask('kv/deleterange', deleteJson(request)));
  }

  async txn(request: TxnRequest): Promise<unknown> {
    return shownTxn(await this.#ask('kv/txn', txnJson(request)));
  }

  /** Returns when the rows are gone. */
  async compact(revision: number): Promise<string> {
    const answer = await this.#ask('kv/compaction', { revision: String(revision), physical: true });
    return typeof answer === 'string' ? answer : 'done';
  }

  async grantLease(id: bigint): Promise<void> {
    await this.#ask('lease/grant', { ID: String(id), TTL: '100000' });
  }

  /** Returns the revision after it. */
  async revokeLease(id: bigint): Promise<unknown> {
    const answer = await this.#ask('lease/revoke', { ID: String(id) });
    return typeof answer === 'string' ? answer : revisionOf(answer);
  }

  async leaseKeys(id: bigint): Promise<string[]> {
    const answer = await this.#ask('lease/timetolive', { ID: String(id), keys: true });
    const keys = typeof answer === 'string' ? [] : ((answer['keys'] as string[] | undefined) ?? []);
    return keys.map(latin1).sort();
  }

  /** @param etcdctl the program, of either line */
  hashKv(etcdctl: string, revision: number): Promise<HashKvResult> {
    const args = [
      ...PATIENCE,
      `--endpoints=127.0.0.1:${this.#port}`,
      'endpoint',
      'hashkv',
      '-w',
      'json',
      `--rev=${revision}`,
    ];
    return new Promise((resolve, reject) => {
      execFile(etcdctl, args, { env: { ...process.env, ETCDCTL_API: '3' } }, (error, stdout, stderr) => {
        if (error !== null) return reject(new Error(`${error.message} ${stderr}`));
        const [{ HashKV: found }] = JSON.parse(stdout) as [{ HashKV: Record<string, number> }];
        resolve({
          hash: found!['hash'] ?? 0,
          compactRevision: found!['compact_revision'] ?? 0,
          hashRevision: revision,
        });
      });
    });
  }

  /** The answer, or the code of its error. */
  #ask(path: string, body: Json): Promise<Json | string> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        { agent, host: '127.0.0.1', port: this.#port, path: `/v3/${path}`, method: 'POST' },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (piece: string) => {
            text += piece;
          });
          response.on('end', () => {
            const answer = JSON.parse(text) as Json;
            if (response.statusCode === 200) return resolve(answer);
            const error = ERRORS.find(([message]) => text.includes(message));
            if (error !== undefined) resolve(error[1]);
            else reject(new Error(`${path} ${JSON.stringify(body)}: ${text}`));
          });
        },
      );
      request.on('error', reject);
      request.end(JSON.stringify(body));
    });
  }
}

/** Those that nothing is asked on: what they lead to may be another process by now. */
export function closeConnections(): void {
  for (const idle of Object.values(agent.freeSockets)) for (const socket of idle ?? []) socket.destroy();
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function latin1(text: unknown): string {
  return Buffer.from((text as string | undefined) ?? '', 'base64').toString('latin1');
}

function keysJson(range: KeyRange): Json {
  return { key: base64(range.key), range_end: base64(range.rangeEnd) };
}

function rangeJson(request: RangeRequest): Json {
  return {
    ...keysJson(request),
    limit: String(request.limit),
    revision: String(request.revision),
    sort_order: ['NONE', 'ASCEND', 'DESCEND'][request.sortOrder],
    sort_target: ['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE'][request.sortTarget],
    keys_only: request.keysOnly,
    count_only: request.countOnly,
    min_mod_revision: String(request.minModRevision),
    max_mod_revision: String(request.maxModRevision),
    min_create_revision: String(request.minCreateRevision),
    max_create_revision: String(request.maxCreateRevision),
  };
}

function putJson(request: PutRequest): Json {
  return {
    key: base64(request.key),
    value: base64(request.value),
    lease: String(request.lease),
    prev_kv: request.prevKv,
    ignore_value: request.ignoreValue,
    ignore_lease: request.ignoreLease,
  };
}

function deleteJson(request: DeleteRangeRequest): Json {
  return { ...keysJson(request), prev_kv: request.prevKv };
}

function txnJson(request: TxnRequest): Json {
  return {
    compare: request.compare.map(compareJson),
    success: request.success.map(operationJson),
    failure: request.failure.map(operationJson),
  };
}

function compareJson(compare: Compare): Json {
  const { operand } = compare;
  const json: Record<string, unknown> = {
    ...keysJson(compare),
    target: TARGETS[compare.target],
    result: RESULTS[compare.result],
  };
  if (operand !== undefined) {
    json[OPERANDS[operand.kind]] = operand.kind === 'value' ? base64(operand.value) : String(operand.value);
  }
  return json;
}

function operationJson(operation: RequestOp): Json {
  switch (operation.kind) {
    case 'range':
      return { request_range: rangeJson(operation.request) };
    case 'put':
      return { request_put: putJson(operation.request) };
    case 'delete-range':
      return { request_delete_range: deleteJson(operation.request) };
    case 'txn':
      return { request_txn: txnJson(operation.request) };
    case 'none':
      return {};
  }
}

function revisionOf(answer: Json): number {
  return Number((answer['header'] as Json | undefined)?.['revision'] ?? 0);
}

function shownKv(json: Json): string {
  const number = (field: string): string => String(json[field] ?? 0);
  const lease = json['lease'] === undefined ? '' : ` L${String(json['lease'])}`;
  const revisions = `c${number('create_revision')} m${number('mod_revision')} v${number('version')}`;
  return `${latin1(json['key'])}=${latin1(json['value'])} ${revisions}${lease}`;
}

function shownKvs(json: unknown): string[] {
  return ((json as Json[] | undefined) ?? []).map(shownKv);
}

function shownRange(answer: Json | string): unknown {
  if (typeof answer === 'string') return answer;
  return {
    kind: 'range',
    revision: revisionOf(answer),
    kvs: shownKvs(answer['kvs']),
    more: answer['more'] ?? false,
    count: Number(answer['count'] ?? 0),
  };
}

function shownPut(answer: Json | string): unknown {
  if (typeof answer === 'string') return answer;
  const prevKv = answer['prev_kv'] as Json | undefined;
  return { kind: 'put', revision: revisionOf(answer), prevKv: prevKv && shownKv(prevKv) };
}

function shownDelete(answer: Json | string): unknown {
  if (typeof answer === 'string') return answer;
  return {
    kind: 'delete-range',
    revision: revisionOf(answer),
    deleted: Number(answer['deleted'] ?? 0),
    prevKvs: shownKvs(answer['prev_kvs']),
  };
}

function shownTxn(answer: Json | string): unknown {
  if (typeof answer === 'string') return answer;
  return {
    kind: 'txn',
    revision: revisionOf(answer),
    succeeded: answer['succeeded'] ?? false,
    responses: ((answer['responses'] as Json[] | undefined) ?? []).map(shownResponse),
  };
}

function shownResponse(response: Json): unknown {
  if (response['response_range'] !== undefined) return shownRange(response['response_range'] as Json);
  if (response['response_put'] !== undefined) return shownPut(response['response_put'] as Json);
  if (response['response_txn'] !== undefined) return shownTxn(response['response_txn'] as Json);
  return shownDelete(response['response_delete_range'] as Json);
}
