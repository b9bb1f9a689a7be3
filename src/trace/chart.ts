/** A trace as a sequence diagram: who sent what to whom, from top to bottom. Makes SVG; owns nothing but its layout. */
import { limits } from '../limits.ts';
import type { ShownTurn } from './show.ts';

const COLUMN = 180;
const ROW = 22;
const TOP = 48;
const TEXT_MAX = 40;

interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

export class Chart {
  readonly #columns = ['outside'];
  readonly #arrows: Arrow[] = [];
  /** By task, the deploy whose turn made it. */
  readonly #makers = new Map<number, number>();
  #left = 0;

  /** The next turn. Past `limits.trace_chart_arrows_max` arrows the rest is only counted. */
  add(turn: ShownTurn): void {
    const own = columnOf(turn.deploy);
    if (turn.kind === 'outside') this.#arrow(own, turn.what.slice(turn.what.lastIndexOf(' ') + 1), turn.what);
    else if (turn.kind === 'task' || turn.kind === 'parked') {
      const maker = turn.task === null ? undefined : this.#makers.get(turn.task);
      if (maker !== undefined && maker !== turn.deploy) this.#arrow(columnOf(maker), own, `task ${turn.task}`);
    } else this.#arrow('outside', own, turn.what);
    for (const event of turn.events) {
      if (event.type === 'send') this.#arrow(own, own, `${event.channel}!(${event.message})`);
      else if (event.type === 'match' && event.task !== null) this.#makers.set(event.task, turn.deploy);
    }
  }

  #arrow(from: string, to: string, text: string): void {
    if (this.#arrows.length >= limits.trace_chart_arrows_max) {
      this.#left++;
      return;
    }
    for (const column of [from, to]) if (!this.#columns.includes(column)) this.#columns.push(column);
    this.#arrows.push({ from, to, text });
  }

  svg(): string {
    const width = COLUMN * (this.#columns.length + 1);
    const height = TOP + ROW * (this.#arrows.length + 2);
    const x = (column: string): number => COLUMN / 2 + COLUMN * this.#columns.indexOf(column);
    const lines = this.#columns.map(
      (column) =>
        `<text x="${x(column)}" y="20" text-anchor="middle" font-weight="bold">${escaped(column)}</text>` +
        `<line x1="${x(column)}" y1="28" x2="${x(column)}" y2="${height - ROW}" stroke="#bbb"/>`,
    );
    const arrows = this.#arrows.map(({ from, to, text }, index) => {
      const y = TOP + ROW * index;
      const label = `<text x="${Math.min(x(from), x(to)) + 8}" y="${y - 4}">${escaped(text)}</text>`;
      if (from === to) return `${label}<circle cx="${x(from)}" cy="${y}" r="3"/>`;
      return `${label}<line x1="${x(from)}" y1="${y}" x2="${x(to)}" y2="${y}" stroke="#000" marker-end="url(#head)"/>`;
    });
    const more = this.#left === 0 ? '' : `<text x="8" y="${height - 6}">… and ${this.#left} more</text>`;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">`,
      '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">',
      '<path d="M0 0L8 4L0 8z"/></marker></defs>',
      ...lines,
      ...arrows,
      `${more}</svg>`,
      '',
    ].join('\n');
  }
}

function columnOf(deploy: number): string {
  return deploy === 0 ? 'outside' : `deploy ${deploy}`;
}

function escaped(text: string): string {
  const short = text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`;
  return short.replace(/[&<>"\p{Cc}]/gu, (letter) => `&#${letter.codePointAt(0)};`);
}
