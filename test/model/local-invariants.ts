/** What one member must hold to by itself, whatever the others do. Each returns a sentence for what is broken. */
import type { Message } from '../../src/raft/types.ts';
import type { Member } from '../raft/member.ts';

/** Nothing is said that a crash could take back (thesis 3.8). */
function bySending({ id, disk }: Member, message: Message): string | undefined {
  if (message.type === 'vote' || (message.type === 'vote-response' && !message.reject)) {
    const candidate = message.type === 'vote' ? id : message.to;
    const { term, vote } = disk.hardState;
    if (term < message.term)
      return `DurableBeforeSent: ${id} votes in term ${message.term}, on its disk it is ${term}`;
    if (term === message.term && vote !== candidate) {
      return `DurableBeforeSent: ${id} votes for ${candidate}, its disk says ${vote}`;
    }
  } else if (message.type === 'append-response' && !message.reject) {
    const { term } = disk.hardState;
    if (term < message.term)
      return `DurableBeforeSent: ${id} answers in term ${message.term}, on its disk it is ${term}`;
    // In a later term the disk may rightly have lost it again.
    if (term === message.term && disk.lastIndex < message.index) {
      return `DurableBeforeSent: ${id} acknowledges ${message.index}, its disk ends at ${disk.lastIndex}`;
    }
  }
  return undefined;
}

function byStep(before: Member, after: Member, crashed: boolean): string | undefined {
  const { id, node, disk } = after;
  if (!crashed) {
    if (node.term < before.node.term) return `TermsGrow: the term of ${id} went back`;
    if (node.commit < before.node.commit) return `CommitsGrow: the commit index of ${id} went back`;
    if (before.node.role === 'leader' && node.role === 'leader' && before.node.term === node.term) {
      for (
        let index = Math.max(before.node.firstIndex, node.firstIndex);
        index <= before.node.lastIndex;
        index++
      ) {
        if (node.termAt(index) !== before.node.termAt(index)) {
          return `LeaderAppendOnly: leader ${id} changed its entry ${index}`;
        }
      }
    }
  }
  if (node.durableIndex > disk.lastIndex)
    return `DurableIndex: ${id} calls ${node.durableIndex} durable, its disk ends at ${disk.lastIndex}`;
  for (let index = Math.max(disk.snapshot.index, 1); index <= node.durableIndex; index++) {
    const term = node.termAt(index);
    if (term !== undefined && disk.termAt(index) !== term) {
      return `DurableIndex: ${id} calls ${index}/${term} durable, on its disk it is of term ${disk.termAt(index)}`;
    }
  }
  return undefined;
}

export const brokenLocally = { bySending, byStep };
