/**
 * npm run model -- --members 3 --terms 2 --entries 2 --depth 20
 *
 * Explores everything that a small cluster of the real raft core can do. Exits 0 if no invariant broke, 1 if one did (the shortest
 * way there is printed), 2 for bad options. QUORATE_MUTATION=NAME plants a bug of mutations.mjs first.
 */
import { type Bounds, DEFAULT_BOUNDS } from './bounds.ts';
import { explore } from './explorer.ts';

const numbers: Record<string, number> = {
  depth: Number.POSITIVE_INFINITY,
  states: 60_000_000,
  seconds: 600,
};
const bounds: Record<string, number | boolean | string> = { ...DEFAULT_BOUNDS };
let json = false;
let deepFirst = false;

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

function fail(message: string): never {
  const names = [...Object.keys(bounds).map(kebab), ...Object.keys(numbers), 'deep-first', 'json'].map(
    (name) => `--${name}`,
  );
  console.error(`model: ${message}\noptions: ${names.join(' ')}`);
  process.exit(2);
}

const words = process.argv.slice(2);
for (let i = 0; i < words.length; i++) {
  const [word = '', attached] = words[i]!.split('=');
  const bound = Object.keys(bounds).find((name) => `--${kebab(name)}` === word);
  const number = Object.keys(numbers).find((name) => `--${name}` === word);
  if (word === '--json') json = true;
  else if (word === '--deep-first') deepFirst = true;
  else if (bound !== undefined && typeof bounds[bound] === 'boolean') bounds[bound] = true;
  else if (bound !== undefined || number !== undefined) {
    const text = attached ?? words[++i] ?? '';
    if (bound !== undefined && typeof bounds[bound] === 'string') {
      bounds[bound] = text;
      continue;
    }
    if (!/^\d+$/.test(text)) fail(`${word} needs a whole number, not "${text}"`);
    if (bound !== undefined) bounds[bound] = Number(text);
    else numbers[number!] = Number(text);
  } else fail(`unknown option ${word}`);
}
if ((bounds['members'] as number) < 1 || (bounds['members'] as number) > 5)
  fail('--members goes from 1 to 5');

const began = performance.now();
const seconds = (): number => (performance.now() - began) / 1000;
const found = explore(bounds as unknown as Bounds, {
  deepFirst,
  depth: numbers['depth']!,
  states: numbers['states']!,
  outOfTime: () => seconds() > numbers['seconds']!,
  progress: (depth, states, frontier) => {
    if (json) return;
    console.log(`depth ${depth}: ${states} states, ${frontier} of them new, ${seconds().toFixed(1)} s`);
  },
});

if (json) console.log(JSON.stringify({ ...found, seconds: seconds() }));
else {
  const { states, covered, heads, steps, depth, complete, memberStates, messages, violation } = found;
  const extent =
    violation !== undefined
      ? 'a violation'
      : complete
        ? 'complete: nothing else is within the bounds'
        : deepFirst
          ? 'not complete'
          : `complete up to depth ${depth}`;
  console.log(
    `${states} states (up to renaming; ${covered} of them covered, ${heads} without their messages), ${steps} steps, depth ${depth}, ${memberStates} states of a member, ` +
      `${messages} messages, ${seconds().toFixed(1)} s: ${extent}`,
  );
  if (violation !== undefined) console.log(`\nin ${violation.length} steps:\n${violation.trace}`);
}
process.exit(found.violation === undefined ? 0 : 1);
