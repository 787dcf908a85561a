/** The picture of a broken history: what is in it, and that nothing from the history gets out of its place. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLinearizable } from '../../src/linearizability/check-linearizable.ts';
import { renderHistory } from '../../src/linearizability/render-history.ts';
import { v2Register } from '../../src/linearizability/v2-register.ts';
import { history, type RegisterHistory } from './notation.ts';

function pictureOf(operations: RegisterHistory, operationsMax = 400): string {
  const outcome = checkLinearizable(v2Register, operations);
  if (outcome.result === 'ok') throw new Error('linearizable: there is nothing to draw');
  return renderHistory(v2Register, outcome.partition, { operationsMax });
}

test('bars, order, and the answer nothing explains', () => {
  const html = pictureOf(
    history(`a: |-- set x --| |-- set y --|        |-- get y --|
             b:     |-- set z ...
             c:                             |-- get x --|`),
  );
  assert.match(html, /^<!DOCTYPE html>/);
  assert.equal(html.match(/<rect /g)?.length, 5);
  assert.equal(html.match(/class="stuck"/g)?.length, 1);
  assert.match(html, /class="stuck"[\s\S]*?get → &quot;x&quot; @\?/);
  assert.match(html, /class="(?:open|linearized) unanswered"/);
  assert.match(html, /<title>#1 set &quot;x&quot; → done @\?/);
  assert.match(
    html,
    /<td>#2<\/td><td>client 0<\/td><td>set &quot;y&quot; → done @\?<\/td><td>&quot;y&quot; @\?<\/td>/,
  );
  assert.doesNotMatch(
    html,
    /(?:src|href)=(?!"#)|https?:(?!\/\/www\.w3\.org\/2000\/svg)/,
    'nothing outside the file',
  );
});

test('whatever clients send stays text', () => {
  const hostile = '</text></svg><script>alert(1)</script>"\'&\u0000\ud800';
  const [set, get] = history('a: |-- set x --| |-- get - --|');
  const html = pictureOf([
    { ...set!, input: { key: hostile, kind: 'set', value: hostile } },
    { ...get!, input: { key: hostile, kind: 'get' } },
  ]);
  for (const piece of ['<script', '\u0000', '\ud800'])
    assert.ok(!html.includes(piece), JSON.stringify(piece));
  assert.match(html, /&lt;script&gt;/);
  assert.equal(html.match(/<svg/g)?.length, html.match(/<\/svg>/g)?.length);
});

test('of a long history only what is near is drawn', () => {
  const [set, get] = history('a: |-- set x --| |-- get - --|');
  const many = Array.from({ length: 500 }, (_, at) => ({
    ...set!,
    input: { key: '/k', kind: 'set' as const, value: `v${at}` },
    calledAt: at * 10,
    answeredAt: at * 10 + 5,
  }));
  const html = pictureOf([...many, { ...get!, calledAt: 4_993, answeredAt: 4_999 }], 20);
  assert.equal(html.match(/<rect /g)?.length, 20);
  assert.match(html, /481 operations further away are left out/);
  assert.match(html, /#500 set &quot;v499&quot;/);
});
