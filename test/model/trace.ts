/** A way through the worlds, as a human reads it. */
import { describeWrite } from '../raft/describe.ts';
import type { Input } from './member-states.ts';
import type { CanonicalWorlds } from './symmetry.ts';
import type { Step, World, WorldModel } from './world.ts';

/**
 * `path` holds the canonical texts of the worlds from the first one on; after the last comes a step that breaks an invariant. They name
 * members up to renaming, so the way is walked anew with names that stay: of all steps, the one that leads to the next text.
 */
export function describeTrace(
  model: WorldModel,
  canonical: CanonicalWorlds,
  path: readonly string[],
): string {
  const lines: string[] = [];
  let world: World = model.initial();
  for (let at = 1; at <= path.length; at++) {
    let taken: Step | undefined;
    model.steps(world, (step) => {
      const next = step.world;
      const leads =
        next === undefined ? at === path.length : at < path.length && canonical.textOf(next) === path[at];
      if (leads) taken = step;
      return !leads;
    });
    if (taken === undefined)
      throw new Error('the way cannot be walked again: the model forgets something that matters');
    lines.push(...describeStep(at, world, taken));
    if (taken.world !== undefined) world = taken.world;
    else lines.push(`   BROKEN: ${taken.broken}`);
  }
  return lines.join('\n');
}

function describeStep(number: number, world: World, { position, input, result, answers }: Step): string[] {
  const before = world.members[position]!.member;
  const { member } = result.to;
  const lines = [`${String(number).padStart(2)} ${before.id} ${describeInput(input)}`];
  const { role, term } = member.node;
  if (role !== before.node.role || term !== before.node.term) lines.push(`     ${role} in term ${term}`);
  const known = new Set(before.writes.map(({ batch }) => batch.sequence));
  for (const { batch } of input.kind === 'crash' ? [] : member.writes) {
    if (!known.has(batch.sequence)) lines.push(`     writes ${describeWrite(batch)}`);
  }
  for (const { text } of result.sent) lines.push(`     sends ${text}`);
  for (const { text } of answers) lines.push(`     ${text.split('->')[0]} answers ${text}`);
  if (result.committed.length > 0) {
    lines.push(`     applies ${result.committed.map(({ index, term: of }) => `${index}/${of}`).join(' ')}`);
  }
  for (const { context, index } of result.reads)
    lines.push(`     may read at ${index} (asked when ${context} were committed)`);
  return lines;
}

function describeInput(input: Input): string {
  switch (input.kind) {
    case 'campaign':
      return 'campaigns';
    case 'tick':
      return 'ticks';
    case 'ready':
      return 'hands out its work';
    case 'sync':
      return 'finishes its oldest write';
    case 'compact':
      return 'takes a snapshot and forgets the log before it';
    case 'propose':
      return `appends ${input.text}`;
    case 'read':
      return 'is asked for a linearizable read';
    case 'change':
      return `proposes the configuration change ${input.text}`;
    case 'transfer':
      return `shall hand over to ${input.to}`;
    case 'receive':
      return `receives ${input.message.text}`;
    case 'crash':
      if (input.during !== undefined)
        return `${describeInput(input.during)}; ${describeInput({ ...input, during: undefined })}`;
      return `crashes and restarts: of its writes ${input.writes} survive, of the next one's entries ${input.entries}`;
  }
}
