/**
 * `npm start`: a member of its own on 127.0.0.1:2379 with its data in `default.etcd`. Flags after `--` replace these.
 */

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkout, prepareCheckout } from './prepare-checkout.mjs';

const given = process.argv.slice(2);
const flags =
  given.length > 0
    ? given
    : [
        '--data-dir=default.etcd',
        '--listen-client-urls=http://127.0.0.1:2379',
        '--advertise-client-urls=http://127.0.0.1:2379',
        '--listen-peer-urls=http://127.0.0.1:2380',
        '--initial-advertise-peer-urls=http://127.0.0.1:2380',
      ];

prepareCheckout();

const member = spawn(process.execPath, [join(checkout, 'bin', 'quorate'), ...flags], {
  cwd: checkout,
  stdio: ['inherit', 'inherit', 'pipe'],
});

let seen = '';
member.stderr.on('data', (chunk) => {
  process.stderr.write(chunk);
  if (seen === undefined || given.length > 0) return;
  seen += chunk;
  if (!seen.includes('ready to serve client requests')) return;
  seen = undefined;
  console.log("Write a key:  curl http://127.0.0.1:2379/v2/keys/message -XPUT -d value='Hello world'");
  console.log('Read it:      curl http://127.0.0.1:2379/v2/keys/message      (Ctrl-C stops the member)');
});

// The terminal sends Ctrl-C to the member too; this process only waits for its end. A signal sent to this process alone is passed on.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => member.kill('SIGTERM'));
member.on('error', (error) => {
  console.error(`cannot start bin/quorate: ${error.message}`);
  process.exitCode = 1;
});
member.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
