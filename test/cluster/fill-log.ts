/** Entries of the log that change nothing, so that it does not matter in which order they come. */

import { Agent, request as httpRequest } from 'node:http';

const atOnce = 32;

/** Through the member's JSON gateway. */
export async function fillLog({ clientUrl }: { readonly clientUrl: string }, entries: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const body = JSON.stringify({ key: Buffer.from('there is no such key').toString('base64') });
  const deleteNothing = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const outgoing = httpRequest(`${clientUrl}/v3/kv/deleterange`, { method: 'POST', agent }, (answer) => {
        answer.resume();
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve();
          else reject(new Error(`status ${answer.statusCode}`));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  let left = entries;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await deleteNothing();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  agent.destroy();
}
