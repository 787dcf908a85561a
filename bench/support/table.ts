/** The table of ratios. */

export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly reference: number;
  readonly quorate: number;
  /** Whether more is better, or less. */
  readonly better: 'more' | 'less';
  /** The least ratio this row must have. */
  readonly atLeast?: number;
}

/** How many times better Quorate is: above 1 is better, whichever way the figure runs. */
export function ratioOf(row: Row): number {
  return row.better === 'more' ? row.quorate / row.reference : row.reference / row.quorate;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function renderTable(rows: readonly Row[], referenceName: string): string {
  const cells = [
    ['', referenceName, 'quorate', 'ratio', 'goal'],
    ...rows.map((row) => [
      `${row.what} (${row.unit})`,
      figure(row.reference),
      figure(row.quorate),
      `${ratioOf(row).toFixed(2)} x`,
      row.atLeast === undefined
        ? ''
        : `${row.atLeast.toFixed(1)} x ${ratioOf(row) >= row.atLeast ? 'met' : 'MISSED'}`,
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  return cells
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}
