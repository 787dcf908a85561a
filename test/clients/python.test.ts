/**
 * Debian's Python clients against one member: python3-etcd3 (gRPC) and python3-etcd3gw (the JSON gateway). What they do and expect is in the
 * scripts beside this file. QUORATE_UNDER_TEST=etcd tries them out on real etcd.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Cluster } from '../support/cluster.ts';
import { command } from '../support/command.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { needs } from '../support/needs.ts';
import { underTest } from '../support/program.ts';

/** Debian's, which its packages are for; another Python may come first on PATH. */
const python = '/usr/bin/python3';

/** The package needs protobuf's implementation without generated checks: its messages are older than the library. */
const environment = { PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION: 'python' };

function needsModule(name: string): string | false {
  const missing = needs('quorate', python);
  if (missing !== false) return missing;
  const { status } = spawnSync(python, ['-c', `import ${name}`], { env: { ...process.env, ...environment } });
  return status === 0 ? false : `needs the Python module ${name} (package python3-${name})`;
}

for (const name of ['etcd3', 'etcd3gw']) {
  test(`python3-${name}`, { skip: needsModule(name) }, async (t) => {
    const cluster = await Cluster.start(t, { programs: [underTest] });
    const { hostname, port } = new URL(cluster.members[0]!.clientUrl);
    const script = fileURLToPath(new URL(`./python_${name}.py`, import.meta.url));
    const printed = await command([python, script, hostname, port, join(temporaryFolder(t), 'snapshot')], {
      environment,
      timeoutMs: 600_000,
    });
    assert.equal(printed, 'ok\n');
  });
}
