/** docs/ARCHITECTURE.md's layers: who may import whom, and what the core must not touch. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SourceFile, sourceFiles } from './source-files.ts';

/** What each folder may import at run time, besides itself. Imports point downwards only. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  ports: [],
  wire: ['ports'],
  linearizability: [],
  bbolt: ['ports', 'wire'],
  raft: ['ports', 'wire'],
  backend: ['ports'],
  store: ['ports', 'wire'],
  lease: ['ports', 'wire'],
  watch: ['ports', 'wire', 'store'],
  wal: ['ports', 'wire', 'raft'],
  net: ['ports'],
  peer: ['ports', 'wire', 'raft', 'net'],
  server: ['ports', 'wire', 'raft', 'store', 'lease', 'watch', 'wal', 'backend', 'bbolt', 'peer'],
  api: ['ports', 'wire', 'raft', 'store', 'lease', 'watch', 'net', 'peer', 'server'],
  platform: ['ports'],
  config: ['ports'],
  sim: [
    'ports',
    'wire',
    'raft',
    'store',
    'lease',
    'watch',
    'wal',
    'backend',
    'peer',
    'server',
    'linearizability',
  ],
  bin: [
    'ports',
    'wire',
    'raft',
    'store',
    'lease',
    'watch',
    'wal',
    'backend',
    'net',
    'peer',
    'server',
    'api',
    'platform',
    'config',
  ],
};

/** Contracts: files of types that a lower folder may name, since nothing of them is there at run time. */
const contracts = new Set([
  'raft/types.ts',
  'raft/node.ts',
  'store/v2/types.ts',
  'store/mvcc/types.ts',
  'watch/types.ts',
  'lease/types.ts',
  'server/contract.ts',
  'net/http-exchange.ts',
  'net/grpc-call.ts',
  'net/peer-certificate.ts',
  'net/tls/tls-options.ts',
]);

/** The edge: only here may Node's own modules be imported. */
const edge = new Set(['platform', 'net', 'peer', 'config', 'bin']);

/** The core computes from its inputs alone. */
const core = new Set([
  'ports',
  'bbolt',
  'linearizability',
  'raft',
  'store',
  'lease',
  'watch',
  'backend',
  'wire',
  'wal',
  'server',
]);
const impure =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.|\bset(?:Timeout|Interval|Immediate)\(|\bperformance\./;

/** Synchronous state machines. */
const synchronous = new Set(['linearizability', 'raft', 'store', 'lease', 'watch', 'wire']);

const files = sourceFiles();

function faults(check: (file: SourceFile) => readonly string[]): string[] {
  return files.flatMap((file) => check(file).map((fault) => `src/${file.path} ${fault}`));
}

test('every folder has its place', () => {
  assert.deepEqual(
    faults((file) => (file.folder in mayImport ? [] : ['is in a folder the layers do not name'])),
    [],
  );
});

test('imports point downwards only', () => {
  assert.deepEqual(
    faults((file) =>
      file.imports
        .filter((each) => {
          const folder = each.target.split('/')[0]!;
          if (!each.own || folder === file.folder || mayImport[file.folder]?.includes(folder)) return false;
          return !(each.typeOnly && contracts.has(each.target));
        })
        .map((each) => `imports ${each.target}`),
    ),
    [],
  );
});

test("only the edge imports Node's modules", () => {
  assert.deepEqual(
    faults((file) =>
      edge.has(file.folder)
        ? []
        : file.imports
            .filter((each) => each.target.startsWith('node:'))
            .map((each) => `imports ${each.target}`),
    ),
    [],
  );
});

test('the core has no clock, no randomness and no timers of its own', () => {
  assert.deepEqual(
    faults((file) => {
      const match = core.has(file.folder) ? impure.exec(file.code) : null;
      return match === null ? [] : [`uses ${match[0]}`];
    }),
    [],
  );
});

test('the state machines are synchronous', () => {
  assert.deepEqual(
    faults((file) => {
      const match = synchronous.has(file.folder) ? /\b(?:async|await|Promise)\b/.exec(file.code) : null;
      return match === null ? [] : [`uses ${match[0]}`];
    }),
    [],
  );
});

test('no file imports itself in a circle', () => {
  const importsOf = new Map(
    files.map((file) => [
      file.path,
      file.imports.filter((each) => each.own && !each.typeOnly).map((each) => each.target),
    ]),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    if (done.has(path)) return;
    for (const target of importsOf.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of importsOf.keys()) visit(path, []);
  assert.deepEqual(circles, []);
});

test('files stay small', () => {
  assert.deepEqual(
    faults((file) => {
      if (file.path.startsWith('wire/generated/')) return [];
      const lines = file.text.split('\n').length - 1;
      return lines > 450 ? [`has ${lines} lines: split it by idea`] : [];
    }),
    [],
  );
});

test('no default exports', () => {
  assert.deepEqual(
    faults((file) => (/\bexport default\b/.test(file.code) ? ['has a default export'] : [])),
    [],
  );
});
