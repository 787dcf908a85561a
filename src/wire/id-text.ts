import type { MemberId } from '../raft/types.ts';

/** An id as members print it in paths, headers and logs: hexadecimal without leading zeros. */
export function formatId(id: MemberId): string {
  return id.toString(16);
}

/** The id that `text` spells in 1 to 16 hexadecimal digits, undefined for anything else. */
export function parseId(text: string | undefined): MemberId | undefined {
  if (text === undefined || !/^[0-9a-fA-F]{1,16}$/.test(text)) return undefined;
  return BigInt(`0x${text}`);
}
