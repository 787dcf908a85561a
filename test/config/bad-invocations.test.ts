import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, type TestContext, test } from 'node:test';
import { checkBootstrap } from '../../src/config/bootstrap-check.ts';
import { temporaryFolder } from '../support/data-folder.ts';
import { needs } from '../support/needs.ts';
import { etcd, isStandIn, underTest } from '../support/program.ts';
import { type BadInvocation, badInvocations } from './bad-invocations.ts';
import { read } from './read.ts';

function title({ argv, environment }: BadInvocation): string {
  const variables = Object.entries(environment ?? {}).map(([name, value]) => `${name}=${value}`);
  return [...variables, ...argv].join(' ');
}

/** Exit code and sentence, without a process. */
async function verdict(bad: BadInvocation): Promise<{ readonly exitCode: number; readonly message: string }> {
  const outcome = read(bad);
  switch (outcome.kind) {
    case 'misuse':
      return { exitCode: 2, message: outcome.message };
    case 'refused':
      return { exitCode: 1, message: outcome.message };
    case 'run': {
      const fault = await checkBootstrap(outcome.config, (host) => Promise.resolve(host));
      return { exitCode: fault === undefined ? 0 : 1, message: fault ?? '' };
    }
    default:
      return { exitCode: 0, message: outcome.kind };
  }
}

/** Runs a server that is expected to give up by itself; one that serves instead is killed and has exit code null. */
function runToEnd(
  command: string,
  bad: BadInvocation,
  folder: string,
): Promise<{ readonly exitCode: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD'));
    const child = spawn(command, bad.argv, {
      cwd: folder,
      env: { ...Object.fromEntries(environment), ...bad.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk;
      if (output.includes('ready to serve client requests')) child.kill('SIGKILL');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, output: output.replaceAll('\\"', '"') }));
  });
}

async function compareWith(t: TestContext, command: string, bad: BadInvocation): Promise<void> {
  const { exitCode, output } = await runToEnd(command, bad, temporaryFolder(t));
  assert.equal(exitCode, bad.exitCode, output);
  assert.ok(output.includes(bad.phrase), `${output}\nlacks: ${bad.phrase}`);
}

describe('a bad invocation is refused with a sentence', () => {
  for (const bad of badInvocations) {
    test(title(bad), async () => {
      const { exitCode, message } = await verdict(bad);
      assert.ok(message.includes(bad.phrase), `${message}\nlacks: ${bad.phrase}`);
      assert.equal(exitCode, bad.exitCode);
      assert.doesNotMatch(message, /\n|\.$/, 'one sentence without a full stop');
    });
  }
});

describe('real etcd refuses it with the same exit code and words', {
  skip: needs('etcd'),
  concurrency: 2,
}, () => {
  for (const bad of badInvocations.filter((each) => each.notInEtcd !== true)) {
    test(title(bad), (t) => compareWith(t, etcd.command, bad));
  }
});

describe('the program itself exits so', { skip: needs('quorate') }, () => {
  const samples = isStandIn
    ? []
    : badInvocations.filter((bad) =>
        /^(--nosuch|stray|--heartbeat-interval=0|.*has duplicate url)/.test(title(bad)),
      );
  for (const bad of samples) {
    test(title(bad), (t) => compareWith(t, underTest.command, bad));
  }
});
