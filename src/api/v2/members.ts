/** /v2/members: who is in the cluster, and changes to that. */
import type { HttpExchange } from '../../net/http-exchange.ts';
import type { Member, QuorateServer, ServerError } from '../../server/contract.ts';
import { quoteGo, quoteGoList } from '../../wire/go-json.ts';
import { JSON_HEADERS, sendMessage, sendMethodNotAllowed } from '../http/answers.ts';
import { byteTextOf, decodeUtf8 } from '../http/byte-text.ts';
import type { AuthLookups } from './auth.ts';
import { type PeerUrls, readPeerUrls } from './peer-urls.ts';

const PREFIX = '/v2/members';
const ALLOW = 'GET,POST,DELETE,PUT';
const JSON_TYPE = 'application/json';

export class MembersEndpoint {
  readonly #server: QuorateServer;
  readonly #authLookups: AuthLookups;
  readonly #bodyBytesMax: number;

  constructor(server: QuorateServer, authLookups: AuthLookups, bodyBytesMax: number) {
    this.#authLookups = authLookups;
    this.#server = server;
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** `path`: decoded and clean. */
  serve(exchange: HttpExchange, path: string): void {
    const name = path.slice(PREFIX.length).replace(/^\//, '');
    switch (exchange.method) {
      case 'GET':
        this.#show(exchange, name);
        return;
      case 'POST':
        this.#authLookups.count++;
        this.#readUrls(exchange, (urls) => this.#add(exchange, urls));
        return;
      case 'PUT': {
        this.#authLookups.count++;
        const id = this.#memberId(exchange, name);
        if (id !== undefined) this.#readUrls(exchange, (urls) => this.#update(exchange, id, urls));
        return;
      }
      case 'DELETE': {
        this.#authLookups.count++;
        const id = this.#memberId(exchange, name);
        if (id !== undefined) this.#remove(exchange, id);
        return;
      }
      default:
        sendMethodNotAllowed(exchange, ALLOW);
    }
  }

  #show(exchange: HttpExchange, name: string): void {
    const server = this.#server;
    if (name === '') {
      const members = server.members().map(memberText).join(',');
      exchange.send(200, JSON_HEADERS + this.#cluster(), `{"members":[${members}]}\n`);
      return;
    }
    if (name !== 'leader') {
      this.#refuse(exchange, 404, 'Not found');
      return;
    }
    const leader = server.leaderId === 0n ? undefined : server.member(server.leaderId);
    if (leader === undefined) this.#refuse(exchange, 503, 'During election');
    else exchange.send(200, JSON_HEADERS + this.#cluster(), `${memberText(leader)}\n`);
  }

  #add(exchange: HttpExchange, urls: readonly string[]): void {
    this.#server.addMember(urls, false, (outcome) => {
      if (outcome.ok) exchange.send(201, JSON_HEADERS + this.#cluster(), `${memberText(outcome.value)}\n`);
      else if (isConflict(outcome.error)) this.#refuse(exchange, 409, outcome.error.message);
      else this.#fail(exchange);
    });
  }

  #update(exchange: HttpExchange, id: bigint, urls: readonly string[]): void {
    this.#server.updateMember(id, urls, (outcome) => {
      if (outcome.ok) exchange.send(204, this.#cluster(), '');
      else if (outcome.error.code === 'peer-url-exists') this.#refuse(exchange, 409, outcome.error.message);
      else if (outcome.error.code === 'member-id-not-found') this.#refuseUnknown(exchange, formatId(id));
      else this.#fail(exchange);
    });
  }

  #remove(exchange: HttpExchange, id: bigint): void {
    this.#server.removeMember(id, (outcome) => {
      if (outcome.ok) exchange.send(204, this.#cluster(), '');
      else if (outcome.error.code === 'member-id-removed') {
        this.#refuse(exchange, 410, `Member permanently removed: ${formatId(id)}`);
      } else if (outcome.error.code === 'member-id-not-found') this.#refuseUnknown(exchange, formatId(id));
      else this.#fail(exchange);
    });
  }

  /** Undefined when the refusal was sent. */
  #memberId(exchange: HttpExchange, name: string): bigint | undefined {
    if (name === '') {
      sendMethodNotAllowed(exchange, undefined, this.#cluster());
      return undefined;
    }
    const digits = /^0*([0-9a-fA-F]{1,16})$/.exec(name)?.[1];
    if (digits !== undefined) return BigInt(`0x${digits}`);
    this.#refuseUnknown(exchange, name);
    return undefined;
  }

  #readUrls(exchange: HttpExchange, callback: (urls: readonly string[]) => void): void {
    const type = contentType(exchange.header('content-type', 'first') ?? '');
    if (type !== JSON_TYPE) {
      this.#refuse(exchange, 415, `Bad Content-Type ${type}, accept ${JSON_TYPE}`);
      return;
    }
    exchange.readBody(this.#bodyBytesMax, (body) => {
      const parsed: PeerUrls = readPeerUrls(decodeUtf8(byteTextOf(body)));
      if (parsed.error === undefined) callback(parsed.urls);
      else this.#refuse(exchange, 400, parsed.error);
    });
  }

  #cluster(): string {
    return `X-Etcd-Cluster-Id: ${formatId(this.#server.clusterId)}\r\n`;
  }

  #refuse(exchange: HttpExchange, status: number, message: string): void {
    sendMessage(exchange, status, message, this.#cluster());
  }

  #refuseUnknown(exchange: HttpExchange, id: string): void {
    this.#refuse(exchange, 404, `No such member: ${id}`);
  }

  #fail(exchange: HttpExchange): void {
    this.#refuse(exchange, 500, 'Internal Server Error');
  }
}

/** Parameters are cut off, and only then is the type's case ignored. */
function contentType(header: string): string {
  const semicolon = header.indexOf(';');
  return semicolon < 0 ? header : header.slice(0, semicolon).toLowerCase().trim();
}

function isConflict(error: ServerError): boolean {
  return error.code === 'member-id-exists' || error.code === 'peer-url-exists';
}

function memberText(member: Member): string {
  return (
    `{"id":"${formatId(member.id)}","name":${quoteGo(member.name)},` +
    `"peerURLs":${quoteGoList(member.peerURLs)},"clientURLs":${quoteGoList(member.clientURLs)}}`
  );
}

function formatId(id: bigint): string {
  return id.toString(16);
}
