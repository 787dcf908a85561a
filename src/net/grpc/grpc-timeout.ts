const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** 'grpc-timeout': up to eight digits and a unit. Milliseconds, or NaN for anything else. */
export function parseGrpcTimeout(text: string): number {
  if (!/^[0-9]{1,8}[HMSmun]$/.test(text)) return Number.NaN;
  return Number(text.slice(0, -1)) * unitMs[text.charAt(text.length - 1)]!;
}
