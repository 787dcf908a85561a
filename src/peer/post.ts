import type { ClientRequest } from 'node:http';
import type { MemberId } from '../raft/types.ts';
import { formatId } from '../wire/id-text.ts';
import { readText } from './outgoing-http.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { explainPreconditionFailed, requestHeaders } from './peer-headers.ts';
import type { UrlPicker } from './url-picker.ts';

const ANSWER_BYTES = 64 * 1024;
/** What etcd says to a message from a member it knows as removed; the same status serves a message that went to a wrong member. */
const REMOVED_SENDER = 'removed member';

export interface Post {
  readonly path: string;
  readonly contentType: string;
  /** Beside those of every request, or in place of them. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Follows the body, piece by piece as the peer takes it; such a request is never made twice. */
  readonly tail?: AsyncIterable<Uint8Array>;
  readonly silenceTimeoutMs: number;
}

/**
 * Posts to the peer's URL in use. `done` is called once, never before `post` has returned: with undefined when the peer
 * answered 204, else with the reason. Returns the way to abort, after which `done` does not come.
 */
export function post(
  environment: PeerEnvironment,
  peer: { readonly id: MemberId; readonly picker: UrlPicker },
  { path, contentType, headers, body, tail, silenceTimeoutMs }: Post,
  done: (failure: string | undefined) => void,
): () => void {
  const url = peer.picker.url;
  let retried = false;
  let settled = false;
  const settle = (failure: string | undefined): void => {
    if (settled) return;
    settled = true;
    if (failure !== undefined) peer.picker.failed(url);
    done(failure);
  };
  const open = () => {
    const request = environment.http.open({
      method: 'POST',
      url,
      path,
      headers: {
        ...requestHeaders(environment),
        ...headers,
        'Content-Type': contentType,
        ...(tail === undefined && { 'Content-Length': String(body.length) }),
      },
      dialTimeoutMs: environment.limits.dialTimeoutMs,
      silenceTimeoutMs,
    });
    let answered = false;
    request.on('error', (error: NodeJS.ErrnoException) => {
      // The peer closed an idle connection just as we took it: nothing was delivered, and a fresh connection tells the truth.
      const isStale = request.reusedSocket && error.code === 'ECONNRESET';
      if (isStale && tail === undefined && !retried && !answered && !settled) {
        retried = true;
        current = open();
        return;
      }
      settle(error.message);
    });
    request.on('response', (response) => {
      answered = true;
      readText(response, ANSWER_BYTES, (text) => {
        if (response.statusCode === 204) settle(undefined);
        else if (text === undefined) settle('the answer broke off');
        else if (response.statusCode === 412) {
          const clusterId = response.headers['x-etcd-cluster-id'];
          const remote = typeof clusterId === 'string' ? clusterId : undefined;
          settle(explainPreconditionFailed(environment, peer.id, text, remote));
        } else if (response.statusCode === 403 && text.includes(REMOVED_SENDER)) {
          environment.reportGone(peer.id);
          settle('the member has been permanently removed from the cluster');
        } else {
          settle(
            `unexpected http status ${response.statusCode} from ${url} (${formatId(peer.id)}): ${text.trimEnd().slice(0, 500)}`,
          );
        }
      });
    });
    if (tail === undefined) request.end(body);
    else {
      request.write(body);
      pipeTail(tail, request).catch((error: Error) => {
        settle(error.message);
        request.destroy();
      });
    }
    return request;
  };
  let current = open();
  return () => {
    settled = true;
    current.destroy();
  };
}

/** Ends early, and `tail` with it, when the request is over. */
async function pipeTail(tail: AsyncIterable<Uint8Array>, request: ClientRequest): Promise<void> {
  for await (const chunk of tail) {
    if (request.destroyed) return;
    if (!request.write(chunk)) await drained(request);
  }
  request.end();
}

function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      request.off('drain', go);
      request.off('close', go);
      resolve();
    };
    request.on('drain', go);
    request.on('close', go);
  });
}
