/** The v2 tree of a cluster at rest: all members run, answer quorum reads, and print the same at the same index. */

import { until } from '../../test/support/until.ts';
import { etcdIndexOf, expectStatus, nodeOf, V2Client, type V2Node } from '../../test/support/v2-client.ts';
import { restBoundMs, type WorkloadContext } from '../workload.ts';

/** @throws when they print different trees at one index, or do not come to one index in time. */
export async function agreedTree({
  members,
  launchStopped,
}: Pick<WorkloadContext, 'members' | 'launchStopped'>): Promise<V2Node> {
  const trees = await until(
    'all members print one tree at one index',
    async () => {
      launchStopped();
      const answers = await Promise.all(
        members().map(async ({ name, clientUrl }) => {
          const client = new V2Client(clientUrl, 10_000);
          try {
            const path = '/v2/keys/?recursive=true&sorted=true&quorum=true';
            return { name, answer: expectStatus(await client.get(path), 200) };
          } finally {
            client.close();
          }
        }),
      );
      if (new Set(answers.map(({ answer }) => etcdIndexOf(answer))).size > 1) return undefined;
      return answers.map(({ name, answer }) => ({
        name,
        // What is left of a TTL counts down while the members are asked.
        text: answer.text.replace(/,"ttl":-?\d+/g, ''),
        node: nodeOf(answer),
      }));
    },
    restBoundMs,
  );
  const [first] = trees;
  const other = trees.find(({ text }) => text !== first!.text);
  if (other !== undefined) {
    throw new Error(
      `${first!.name} and ${other.name} print different trees at one index:\n${first!.text}\n${other.text}`,
    );
  }
  return first!.node;
}

/** The files below a folder. */
export function* filesBelow(node: V2Node, folder: string): Generator<V2Node & { readonly key: string }> {
  if (node.value !== undefined && node.key?.startsWith(`${folder}/`) === true)
    yield { ...node, key: node.key };
  for (const child of node.nodes ?? []) yield* filesBelow(child, folder);
}
