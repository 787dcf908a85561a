/**
 * A member that finds its log damaged: a tail that a crash tore is repaired with a log line, damage among the records stops the
 * member with a sentence that names the file and the offset. It never guesses.
 */

import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Cluster, type ClusterMember } from '../support/cluster.ts';
import { needs } from '../support/needs.ts';
import { isStandIn, underTest } from '../support/program.ts';
import { expectStatus, nodeOf } from '../support/v2-client.ts';
import { lastSegment } from '../support/wal-files.ts';

const skip = needs('quorate');
const valueCount = 50;
/** What etcd says, and what Quorate says. */
const repaired = /repair|cut off the rest of a write/i;

/** A member with fifty values in its log, killed. */
async function killedMember(t: TestContext): Promise<ClusterMember> {
  const cluster = await Cluster.start(t, { programs: [underTest] });
  const member = cluster.members[0]!;
  for (let i = 0; i < valueCount; i++) {
    expectStatus(await member.client.put(`/k/${i}`, { value: `value-${i}-${'v'.repeat(100)}` }), 201);
  }
  await member.process.kill();
  return member;
}

async function assertAllThere(member: ClusterMember): Promise<void> {
  const answer = expectStatus(await member.client.get('/v2/keys/k?quorum=true'), 200);
  assert.equal(nodeOf(answer).nodes?.length, valueCount);
  expectStatus(await member.client.put('/after', { value: 'the damage' }), 201);
}

/** Writes into a file in place. */
function overwrite(path: string, offset: number, bytes: Buffer): void {
  const file = openSync(path, 'r+');
  try {
    writeSync(file, bytes, 0, bytes.length, offset);
  } finally {
    closeSync(file);
  }
}

/** A record of 4,000 bytes of which a crash let only the first sectors reach the disk. */
function tornRecord(end: number): Buffer {
  const written = 8 + 1000 + (512 - ((end + 8 + 1000) % 512));
  const bytes = Buffer.alloc(written, 0x5a);
  bytes.writeBigUInt64LE(4000n, 0);
  return bytes;
}

test('a record whose end never reached the disk is cut off', { skip }, async (t) => {
  const member = await killedMember(t);
  const { path, end } = lastSegment(`${member.dataFolder}/data`);
  overwrite(path, end, tornRecord(end));
  await member.process.start();
  assert.match(member.process.runLog, repaired);
  await assertAllThere(member);
  // Repaired for good: the next start finds nothing to repair.
  await member.process.kill();
  await member.process.start();
  assert.doesNotMatch(member.process.runLog, repaired);
});

test('a segment that ends in the middle of a record is cut off there', { skip }, async (t) => {
  const member = await killedMember(t);
  const { path, end } = lastSegment(`${member.dataFolder}/data`);
  overwrite(path, end, tornRecord(end));
  truncateSync(path, end + 700);
  await member.process.start();
  assert.match(member.process.runLog, repaired);
  await assertAllThere(member);
});

test('a flipped bit among the records stops the member', { skip }, async (t) => {
  const member = await killedMember(t);
  const { path, frames } = lastSegment(`${member.dataFolder}/data`);
  const damaged = frames[Math.floor(frames.length / 2)]!;
  const at = damaged.offset + 8 + damaged.dataLength - 3;
  overwrite(path, at, Buffer.of(readFileSync(path)[at]! ^ 0x10));
  member.process.launch();
  const exit = await member.process.waitForExit();
  assert.notEqual(exit.code, 0);
  if (isStandIn) return;
  const log = member.process.runLog;
  assert.ok(log.includes(basename(path)), `names the file ${basename(path)}:\n${log}`);
  assert.ok(log.includes(String(damaged.offset)), `names the offset ${damaged.offset}:\n${log}`);
});

test('a damaged length among the records stops the member', { skip }, async (t) => {
  const member = await killedMember(t);
  const { path, frames } = lastSegment(`${member.dataFolder}/data`);
  // A length that reaches beyond the segment, with records behind it, is no torn tail.
  overwrite(path, frames[10]!.offset, Buffer.of(0xff, 0xff, 0xff, 0x0f));
  member.process.launch();
  const exit = await member.process.waitForExit();
  assert.notEqual(exit.code, 0);
});
