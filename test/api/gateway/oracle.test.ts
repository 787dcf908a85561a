/**
 * The gateway, request for request as etcd 3.5.30 answers: `transcripts/` holds what its own gateway says. Each is played against
 *
 *   - Quorate,
 *   - our gateway in front of a real etcd 3.5 (gRPC between them), so that every difference is the gateway's,
 *   - that etcd itself, to see that the transcript still holds.
 *
 * QUORATE_UPDATE=1 rewrites the answers from the real etcd; QUORATE_TRANSCRIPT=word plays only the files whose name holds the word. What is left out, on purpose: paths that are not there and methods other than POST (etcd 3.4
 * and upstream's 3.5 answer them in plain text, as we do; Debian's 3.5 in JSON with 404 and 501), malformed messages in streams.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { withCors } from '../../../src/net/cors.ts';
import { parseScript, printScript, printStep, type Script, type Step } from '../../oracle/script.ts';
import { needs } from '../../support/needs.ts';
import { underTest } from '../../support/program.ts';
import { Forwarder } from './support/forwarding-methods.ts';
import { gatewayOf } from './support/gateway-of.ts';
import { playGatewayScript } from './support/gateway-script.ts';
import { etcd35Program, needsEtcd35, startMember } from './support/members.ts';

const folder = new URL('transcripts/', import.meta.url);
const isUpdating = process.env['QUORATE_UPDATE'] === '1';
const only = process.env['QUORATE_TRANSCRIPT'];

/** Our gateway, on a port of its own, in front of that member. */
async function startGateway(t: TestContext, memberPort: number): Promise<number> {
  const forwarder = new Forwarder(`http://127.0.0.1:${memberPort}`);
  t.after(() => forwarder.close());
  return gatewayOf(t, forwarder.methods, (handler) => withCors(['*'], handler));
}

function assertSame(expected: Script, actual: Script): void {
  const differing = expected.steps.flatMap((step, at) => {
    const want = printStep(step).join('\n');
    const got = printStep(actual.steps[at]!).join('\n');
    return want === got ? [] : [`step ${at + 1}\n--- etcd\n${want}\n+++ got\n${got}`];
  });
  assert.ok(
    differing.length === 0,
    `${differing.length} of ${expected.steps.length} steps differ\n\n${differing.slice(0, 20).join('\n\n')}`,
  );
}

const files = readdirSync(folder)
  .filter((file) => only === undefined || file.includes(only))
  .sort();

/** Of a service that a later version brings. */
const notServed = new Set(['auth.txt']);

/** Where Quorate means to answer otherwise, by request. */
const deliberate: ReadonlyMap<string, string> = new Map([
  [
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the script's own
    '/v3/cluster/member/update {"ID":"${M}","peerURLs":["http://127.0.0.1:7"]}',
    "etcd's list of members forgets that an updated learner is one",
  ],
  ['/v3/maintenance/downgrade {"action":"VALIDATE","version":"3.4"}', 'the cluster has version 3.4 already'],
  [
    '/v3/maintenance/downgrade {"action":"VALIDATE","version":"3.3"}',
    'no older release reads the data: Unimplemented, with a sentence',
  ],
]);

test('Quorate answers the gateway as etcd 3.5 does', {
  concurrency: 2,
  skip: needs('quorate'),
}, async (t) => {
  const runs = files
    .filter((file) => !notServed.has(file))
    .map((file) =>
      t.test(file, async (run) => {
        const script = parseScript(readFileSync(new URL(file, folder), 'utf8'));
        const played = await playGatewayScript(script, await startMember(run, underTest, script.flags));
        const isCompared = (step: Step) => !deliberate.has(step.lines[0]!);
        assertSame(
          { ...script, steps: script.steps.filter(isCompared) },
          { ...played, steps: played.steps.filter(isCompared) },
        );
      }),
    );
  await Promise.all(runs);
});

test('the gateway answers as etcd 3.5 does', { concurrency: 2, skip: needsEtcd35 }, async (t) => {
  const runs = files.flatMap((file) => {
    const url = new URL(file, folder);
    const script = parseScript(readFileSync(url, 'utf8'));
    const real = t.test(`${file}: real etcd`, async (run) => {
      const played = await playGatewayScript(script, await startMember(run, etcd35Program, script.flags));
      if (isUpdating) writeFileSync(url, printScript(played));
      else assertSame(script, played);
    });
    if (isUpdating) return [real];
    const ours = t.test(`${file}: our gateway before a real etcd`, async (run) => {
      const port = await startGateway(run, await startMember(run, etcd35Program, script.flags));
      assertSame(script, await playGatewayScript(script, port));
    });
    return [real, ours];
  });
  await Promise.all(runs);
});
