import { reasonPhrase } from './status-line.ts';

/** Why a request was not given to a handler, or its body not to the end. */
export interface Refusal {
  readonly status: number;
  /** '' or what follows the reason phrase after ': '. */
  readonly detail: string;
}

export function refusal(status: number, detail = ''): Refusal {
  return { status, detail };
}

/**
 * The answer to a request refused by the protocol layer, as etcd's HTTP library words it: plain text that repeats the status,
 * ended by the end of the connection.
 */
export function refusalAnswer(why: Refusal): string {
  if (why.status === 417)
    return 'HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
  const phrase = `${why.status} ${reasonPhrase(why.status)}`;
  const head = (line: string) =>
    `HTTP/1.1 ${line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n`;
  if (why.status === 501) return `${head(phrase)}Unsupported transfer encoding`;
  const line = why.detail === '' ? phrase : `${phrase}: ${why.detail}`;
  return head(line) + line;
}
