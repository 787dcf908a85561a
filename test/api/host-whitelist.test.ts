/** Statuses are those of a real etcd 3.4.23 with --host-whitelist=good.example,other,::1. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withHostWhitelist } from '../../src/api/host-whitelist.ts';
import type { HttpExchange } from '../../src/net/http-exchange.ts';
import { FakeExchange } from './support/fake-exchange.ts';

const LISTED = ['good.example', 'other', '::1'];

function ask(hosts: readonly string[], host: string | undefined, secure = false): FakeExchange {
  const answer = (exchange: HttpExchange): void => exchange.send(200, '', 'answered');
  const exchange = new FakeExchange({ target: '/version', headers: host === undefined ? {} : { host } });
  Object.defineProperty(exchange, 'secure', { value: secure });
  withHostWhitelist(hosts, answer)(exchange);
  return exchange;
}

test('only requests for a listed host are answered, at any port', () => {
  const cases: readonly (readonly [host: string | undefined, status: number])[] = [
    ['other', 200],
    ['good.example', 200],
    ['good.example:99', 200],
    ['other:', 200],
    ['other:abc', 200],
    ['[other]:1', 200],
    ['[::1]:5', 200],
    ['::1', 200],
    ['bad', 421],
    ['bad:1', 421],
    ['', 421],
    [undefined, 421],
    ['OTHER', 421],
    ['other.', 421],
    ['other:1:2', 421],
    ['[other]', 421],
    ['[::1]', 421],
    ['[other', 421],
    ['o[ther]', 421],
    ['127.0.0.1:2379', 421],
    ['localhost', 421],
  ];
  for (const [host, status] of cases) assert.equal(ask(LISTED, host).status, status, host);
});

test('the refusal names the host as it was understood, in quotes', () => {
  const { answerBody, answerHeaders } = ask(LISTED, 'evil"<.example:80');
  assert.match(answerBody, /"evil\\"<\.example"/);
  assert.match(answerBody, /--host-whitelist/);
  assert.match(
    answerHeaders,
    /Content-Type: text\/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n/,
  );
});

test('everything is answered over TLS, without a list, and with a star in it', () => {
  assert.equal(ask(LISTED, 'bad', true).status, 200);
  assert.equal(ask([], 'bad').status, 200);
  assert.equal(ask(['other', '*'], 'bad').status, 200);
});
