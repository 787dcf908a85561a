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
  readonly body: Uint8Array;
  readonly silenceTimeoutMs: number;
}

/**
 * Posts to the peer's URL in use. `done` is called once, never before `post` has returned: with undefined when the peer
 * answered 204, else with the reason. Returns the way to abort, after which `done` does not come.
 */
export function post(
  environment: PeerEnvironment,
  peer: { readonly id: MemberId; readonly picker: UrlPicker },
  { path, contentType, body, silenceTimeoutMs }: Post,
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
        'Content-Type': contentType,
        'Content-Length': String(body.length),
      },
      dialTimeoutMs: environment.limits.dialTimeoutMs,
      silenceTimeoutMs,
    });
    let answered = false;
    request.on('error', (error: NodeJS.ErrnoException) => {
      // The peer closed an idle connection just as we took it: nothing was delivered, and a fresh connection tells the truth.
      if (request.reusedSocket && !retried && !answered && !settled && error.code === 'ECONNRESET') {
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
    request.end(body);
    return request;
  };
  let current = open();
  return () => {
    settled = true;
    current.destroy();
  };
}
