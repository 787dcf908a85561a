/**
 * Alarms that are raised: which member complains of what. They come through the log, so all members know the same ones, and stand in
 * the backend's table `alarm` as etcd keeps them:
 *
 *   key    etcdserverpb.AlarmMember { 1: memberID, 2: alarm }      value   empty
 */
import type { Backend, BackendTable } from '../../ports/backend.ts';
import { Reader, tagOf, VARINT, Writer } from '../../wire/protobuf.ts';
import { AlarmType } from '../../wire/v3/kv-types.ts';
import type { AlarmMember } from '../v3-contract.ts';

const EMPTY = new Uint8Array(0);

export class Alarms {
  readonly #table: BackendTable;
  readonly #writer = new Writer(1024);
  #raised: AlarmMember[] = [];

  constructor(backend: Backend) {
    this.#table = backend.table('alarm');
    this.reload();
  }

  /** Reads the table again, as after a snapshot. */
  reload(): void {
    const raised: AlarmMember[] = [];
    this.#table.scan({}, (key) => {
      raised.push(decodeAlarmMember(key));
      return true;
    });
    this.#raised = raised;
  }

  /** `alarm` none: of every kind. */
  list(alarm: number = AlarmType.none): readonly AlarmMember[] {
    return alarm === AlarmType.none ? this.#raised : this.#raised.filter((each) => each.alarm === alarm);
  }

  has(alarm: number): boolean {
    return this.#raised.some((each) => each.alarm === alarm);
  }

  hasOf(memberId: bigint, alarm: number): boolean {
    return this.#raised.some((each) => each.alarm === alarm && each.memberId === memberId);
  }

  /** Applied from the log. False if it was raised already. */
  raise(alarm: AlarmMember): boolean {
    if (this.hasOf(alarm.memberId, alarm.alarm)) return false;
    this.#table.put(this.#encode(alarm), EMPTY);
    this.#raised = [...this.#raised, alarm];
    return true;
  }

  /** Applied from the log. False if it was not raised. */
  clear(alarm: AlarmMember): boolean {
    if (!this.hasOf(alarm.memberId, alarm.alarm)) return false;
    this.#table.remove(this.#encode(alarm));
    this.#raised = this.#raised.filter(
      (each) => each.alarm !== alarm.alarm || each.memberId !== alarm.memberId,
    );
    return true;
  }

  #encode({ memberId, alarm }: AlarmMember): Uint8Array {
    return this.#writer.tag(1, VARINT).varintBig(memberId).tag(2, VARINT).varint32(alarm).finish();
  }
}

/** As etcd lists it among the errors of a member's status. */
export function alarmText({ memberId, alarm }: AlarmMember): string {
  return `memberID:${memberId} alarm:${alarm === AlarmType.noSpace ? 'NOSPACE' : 'CORRUPT'} `;
}

/** From a key of the table. Throws a DecodeError for what is none. */
export function decodeAlarmMember(bytes: Uint8Array): AlarmMember {
  const reader = new Reader(bytes);
  let memberId = 0n;
  let alarm = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === tagOf(1, VARINT)) memberId = reader.varintBig();
    else if (tag === tagOf(2, VARINT)) alarm = reader.varint32();
    else reader.skip(tag);
  }
  return { memberId, alarm };
}
