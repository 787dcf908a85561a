import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../ports/clock.ts';
import { type ClusterProbe, PeerProbeError } from '../ports/peer-network.ts';
import { parseId } from '../wire/id-text.ts';
import { decodeMembers } from './member-json.ts';
import { OutgoingHttp, readText } from './outgoing-http.ts';

const ANSWER_BYTES = 16 * 1024 * 1024;

export interface ClusterProbeOptions {
  readonly clock: Clock;
  /** For https URLs; asked for at each connection. */
  readonly tlsOptions?: () => ConnectionOptions | undefined;
}

interface Answer {
  readonly text: string;
  readonly clusterId: string | undefined;
}

/** Asks members one URL after the other, with a connection for each question. */
export function createClusterProbe({ clock, tlsOptions }: ClusterProbeOptions): ClusterProbe {
  /** The answer's body; rejects with an Error that says why there is none. */
  const get = (url: string, path: string, timeoutMs: number): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const http = new OutgoingHttp(tlsOptions);
      const request = http.open({
        method: 'GET',
        url,
        path,
        headers: { Connection: 'close' },
        dialTimeoutMs: timeoutMs,
        silenceTimeoutMs: timeoutMs,
      });
      const deadline = clock.schedule(timeoutMs, () =>
        request.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      );
      const end = (): void => {
        deadline.cancel();
        http.close();
      };
      request.on('error', (error) => {
        end();
        reject(error);
      });
      request.on('response', (response) => {
        readText(response, ANSWER_BYTES, (text) => {
          end();
          if (response.statusCode !== 200)
            reject(new Error(`status ${response.statusCode}: ${text?.trimEnd() ?? ''}`));
          else if (text === undefined) reject(new Error('the answer broke off or is too long'));
          else {
            const clusterId = response.headers['x-etcd-cluster-id'];
            resolve({ text, clusterId: typeof clusterId === 'string' ? clusterId : undefined });
          }
        });
      });
      request.end();
    });

  /** The first answer that `parse` accepts. */
  const first = async <T>(
    what: string,
    urls: readonly string[],
    path: string,
    timeoutMs: number,
    parse: (answer: Answer) => T,
  ): Promise<T> => {
    const failures: { url: string; reason: string }[] = [];
    for (const url of urls) {
      try {
        return parse(await get(url, path, timeoutMs));
      } catch (error) {
        failures.push({ url, reason: reasonOf(error) });
      }
    }
    throw new PeerProbeError(what, failures);
  };

  return {
    members: (urls, timeoutMs) =>
      first('the members of the cluster', urls, '/members', timeoutMs, ({ text, clusterId }) => {
        const members = decodeMembers(text);
        const id = parseId(clusterId);
        if (id === undefined) throw new Error(`no valid X-Etcd-Cluster-ID: ${JSON.stringify(clusterId)}`);
        if (members.length === 0) throw new Error('the cluster has no members');
        return { clusterId: id, members };
      }),
    version: (urls, timeoutMs) =>
      first('the version', urls, '/version', timeoutMs, ({ text }) => {
        const parsed = JSON.parse(text) as {
          readonly etcdserver?: unknown;
          readonly etcdcluster?: unknown;
        } | null;
        const server = parsed?.etcdserver;
        const cluster = parsed?.etcdcluster;
        if (typeof server !== 'string' || typeof cluster !== 'string')
          throw new Error(`not a version: ${text}`);
        return { server, cluster };
      }),
  };
}

/** An AggregateError (several addresses for one name) has no text of its own. */
function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return message || code || String(error);
}
