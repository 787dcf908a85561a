import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Finding } from './find.ts';
import { plantedNode } from './planted-node.ts';
import type { PlantedBug } from './table.ts';

export interface Hunt {
  readonly finder: PlantedBug['finder'];
  /** Undefined for the unchanged code. */
  readonly bug: PlantedBug | undefined;
  readonly finding: Finding;
}

export interface Budget {
  readonly seeds: number;
  /** Of computing time; no new seed begins after it. */
  readonly seconds: number;
}

/** On a busy machine a budget takes several times as long; what takes longer than that hangs. */
const BUSY = 6;
const HANG_SECONDS = 60;
const find = fileURLToPath(new URL('find.ts', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Looks for the bug, or with a finder alone for a fault of the unchanged code, in a process of its own, from seed 1 on. */
export async function hunt(target: PlantedBug | PlantedBug['finder'], budget: Budget): Promise<Hunt> {
  const bug = typeof target === 'string' ? undefined : target;
  const finder = typeof target === 'string' ? target : target.finder;
  const { args, env } = plantedNode(bug?.name);
  const child = spawn(
    process.execPath,
    [...args, find, finder, '1', String(budget.seeds), String(budget.seconds)],
    { env, cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  let errors = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  const begunMs = performance.now();
  let hangs = false;
  const timer = setTimeout(
    () => {
      hangs = true;
      child.kill('SIGKILL');
    },
    (budget.seconds * BUSY + HANG_SECONDS) * 1000,
  );
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  clearTimeout(timer);
  const lines = output.trim().split('\n');
  const last = lines.at(-1) ?? '';
  if (code === 0 && last.startsWith('{')) return { finder, bug, finding: JSON.parse(last) as Finding };
  if (!last.startsWith('seed ')) {
    throw new Error(`${bug?.name ?? 'the unchanged code'} does not even load: ${errors}`);
  }
  // The process itself broke: with a bug in it that is a finding, too.
  const seed = Number(last.slice('seed '.length));
  const seconds = (performance.now() - begunMs) / 1000;
  const by = hangs ? 'it hangs' : 'the process crashed';
  const message = errors.split('\n').find((each) => /Error|invariant/.test(each)) ?? errors.slice(0, 200);
  return { finder, bug, finding: { seeds: lines.length, seconds, found: { seed, by, message } } };
}
