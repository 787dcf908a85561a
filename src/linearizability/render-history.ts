/**
 * The picture of a history that is not linearizable: one HTML file without anything outside it. Operations are bars over time, one row
 * a client; those of the longest linearization are numbered and marked where they may have taken effect, the answer that nothing
 * explains is red. A table tells the end of the linearization, state by state.
 *
 * Invariant: every text that comes from the history is escaped; keys and values are whatever clients sent.
 */

import type { FailedPartition } from './check-linearizable.ts';
import { type HistoryPicture, layOutHistory, type PictureBar } from './history-picture.ts';
import type { Model } from './model.ts';

export interface RenderOptions {
  readonly title?: string;
  /** Operations drawn, those nearest to the one in question. */
  readonly operationsMax?: number;
}

const stepWidth = 26;
const rowHeight = 30;
const barHeight = 20;
const labelWidth = 90;
const tableRowsMax = 40;

const style = `
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #222; background: #fff }
h1 { font-size: 1.2rem } code, td, text { font-family: ui-monospace, monospace }
.picture { overflow-x: auto; border: 1px solid #ccc }
svg text { font-size: 11px; fill: #222 } svg .client { fill: #666 }
.linearized { fill: #bfe3c0; stroke: #2e7d32 } .open { fill: #e4e4e4; stroke: #888 } .stuck { fill: #f4b6b0; stroke: #b71c1c; stroke-width: 2 }
.unanswered { stroke-dasharray: 4 3 } .point { stroke: #1b5e20; stroke-width: 2 } .row { stroke: #eee }
table { border-collapse: collapse; margin-top: .5rem } td, th { border: 1px solid #ddd; padding: .15rem .5rem; text-align: left }
.key span { display: inline-block; padding: 0 .5rem; margin-right: .5rem; border: 1px solid #888 }
`;

/** @returns a whole HTML document */
export function renderHistory<State, Input, Output>(
  model: Model<State, Input, Output>,
  partition: FailedPartition<Input, Output>,
  options: RenderOptions = {},
): string {
  const picture = layOutHistory(partition, options.operationsMax ?? 400);
  const title = escapeHtml(options.title ?? `Not linearizable: ${partition.key}`);
  const { operations, longest, stuckAt } = partition;
  const stuck = operations[stuckAt]!;
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title><style>${style}</style></head>
<body>
<h1>${title}</h1>
<p>${operations.length} operations on <code>${escapeHtml(partition.key)}</code>; the longest linearization found holds
${longest.length} of them. Nothing explains the answer of client ${stuck.client}:
<code>${escapeHtml(model.describe(stuck.input, stuck.output))}</code>, called at ${stuck.calledAt}, answered at ${stuck.answeredAt}.
<a href="#stuck">Go to it.</a></p>
<p class="key"><span style="background:#bfe3c0">linearized, in this order</span><span style="background:#e4e4e4">not linearized</span><span
style="background:#f4b6b0">had to come next and cannot</span><span style="border-style:dashed">no answer came</span></p>
${picture.leftOut === 0 ? '' : `<p>${picture.leftOut} operations further away are left out.</p>`}
<div class="picture">${renderBars(model, partition, picture)}</div>
<h1>The end of the linearization</h1>
${renderTable(model, partition)}
</body>
</html>
`;
}

function renderBars<State, Input, Output>(
  model: Model<State, Input, Output>,
  partition: FailedPartition<Input, Output>,
  picture: HistoryPicture,
): string {
  const width = labelWidth + (picture.steps + 2) * stepWidth;
  const height = (picture.rows.length + 1) * rowHeight;
  const x = (step: number): number => labelWidth + step * stepWidth;
  const parts = picture.rows.map((client, row) => {
    const y = (row + 1) * rowHeight;
    return `<line class="row" x1="0" x2="${width}" y1="${y}" y2="${y}"/><text class="client" x="4" y="${y - 10}">client ${client}</text>`;
  });
  for (const bar of picture.bars) {
    const operation = partition.operations[bar.index]!;
    const isAnswered = bar.to !== Number.POSITIVE_INFINITY;
    const left = x(bar.from);
    const right = isAnswered ? x(bar.to) : width - stepWidth / 2;
    const top = bar.row * rowHeight + 4;
    const said = escapeHtml(model.describe(operation.input, operation.output));
    const when = `${operation.calledAt} – ${isAnswered ? operation.answeredAt : 'never'}`;
    const number = bar.order === undefined ? '' : `#${bar.order} `;
    parts.push(
      `<g${bar.isStuck ? ' id="stuck"' : ''}><title>${number}${said}\nclient ${operation.client}, ${when}</title>` +
        `<rect class="${classOf(bar)}${isAnswered ? '' : ' unanswered'}" x="${left}" y="${top}" width="${Math.max(right - left, 6)}" height="${barHeight}" rx="3"/>` +
        `<svg x="${left}" y="${top}" width="${Math.max(right - left, 6)}" height="${barHeight}"><text x="4" y="14">${number}${said}</text></svg>` +
        `${bar.point === undefined ? '' : `<line class="point" x1="${x(bar.point)}" x2="${x(bar.point)}" y1="${top - 3}" y2="${top + barHeight + 3}"/>`}</g>`,
    );
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${parts.join('\n')}</svg>`;
}

function classOf(bar: PictureBar): string {
  if (bar.isStuck) return 'stuck';
  return bar.order === undefined ? 'open' : 'linearized';
}

function renderTable<State, Input, Output>(
  model: Model<State, Input, Output>,
  partition: FailedPartition<Input, Output>,
): string {
  const rows: string[] = [];
  let state = model.init;
  partition.longest.forEach((index, at) => {
    const { client, input, output } = partition.operations[index]!;
    const step = model.step(state, input, output);
    if (step.ok) state = step.state;
    if (at < partition.longest.length - tableRowsMax) return;
    const cells = [
      `#${at + 1}`,
      `client ${client}`,
      model.describe(input, output),
      model.describeState(state),
    ];
    rows.push(`<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`);
  });
  return `<table><tr><th></th><th></th><th>operation</th><th>state after it</th></tr>\n${rows.join('\n')}\n</table>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Safe as text and inside quoted attributes; control characters, which HTML has no form for, show as their code points. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']|\p{Cc}|\p{Cs}/gu, (character) => {
    return entities[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`;
  });
}
