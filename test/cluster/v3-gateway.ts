/** Single requests to a member's JSON gateway, for tests of clusters. */

import { request as httpRequest, type IncomingMessage } from 'node:http';

export type GatewayFields = Readonly<Record<string, unknown>>;

/** Of a stream the first answer. @throws what an error's answer says. */
export async function callGateway(
  clientUrl: string,
  path: string,
  body: GatewayFields,
): Promise<GatewayFields> {
  const incoming = await openGateway(clientUrl, path, body);
  let text = '';
  incoming.setEncoding('utf8');
  for await (const piece of incoming) text += piece as string;
  if (incoming.statusCode !== 200) throw new Error(`${path} ${JSON.stringify(body)}: ${text}`);
  const answer = JSON.parse(text) as GatewayFields;
  return (answer['result'] as GatewayFields | undefined) ?? answer;
}

/** The head of the answer has come. Each request has a connection of its own: those of before may be to a process that is no more. */
export function openGateway(clientUrl: string, path: string, body: GatewayFields): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(clientUrl + path, { method: 'POST', agent: false }, resolve);
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}
