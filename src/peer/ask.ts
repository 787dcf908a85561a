/** One question to a peer on its peer port, answered with whatever status the peer chooses. */
import type { IncomingMessage } from 'node:http';
import type { PeerAnswer, PeerQuestion } from '../ports/peer-network.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { requestHeaders } from './peer-headers.ts';
import type { UrlPicker } from './url-picker.ts';

/** Keys of a lease may be many. */
const ANSWER_BYTES = 64 * 1024 * 1024;

/** `done` is called once, never before `ask` has returned. */
export function ask(
  environment: PeerEnvironment,
  picker: UrlPicker,
  { method, path, contentType, body, timeoutMs }: PeerQuestion,
  done: (answer: PeerAnswer) => void,
): void {
  const url = picker.url;
  let settled = false;
  const settle = (answer: PeerAnswer): void => {
    if (settled) return;
    settled = true;
    deadline.cancel();
    if (answer.status === undefined) picker.failed(url);
    done(answer);
  };
  const request = environment.http.open({
    method,
    url,
    path,
    headers: {
      ...requestHeaders(environment),
      'Content-Type': contentType,
      'Content-Length': String(body.length),
    },
    dialTimeoutMs: Math.min(timeoutMs, environment.limits.dialTimeoutMs),
    silenceTimeoutMs: timeoutMs,
  });
  const deadline = environment.clock.schedule(timeoutMs, () =>
    request.destroy(new Error(`no answer within ${timeoutMs} ms`)),
  );
  request.on('error', (error) => settle({ status: undefined, reason: error.message }));
  request.on('response', (response) =>
    readAll(response, (answered) => {
      if (answered !== undefined) settle({ status: response.statusCode ?? 0, body: answered });
      else settle({ status: undefined, reason: 'the answer broke off' });
    }),
  );
  request.end(body);
}

function readAll(response: IncomingMessage, done: (body: Uint8Array | undefined) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= ANSWER_BYTES) chunks.push(chunk);
    else response.destroy();
  });
  response.on('end', () => done(Buffer.concat(chunks)));
  response.on('error', () => done(undefined));
  response.on('close', () => done(undefined));
}
