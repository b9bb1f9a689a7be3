/** What is wrong with a configuration, and where: the words in which an operator is told. */

export interface Mistake {
  /** As `holders.alice.grants[0]`; empty for the file as a whole. */
  readonly path: string;
  /** Counted from 1; 0 where the configuration is no text. */
  readonly line: number;
  readonly column: number;
  /** What was expected there. */
  readonly expected: string;
  /** What stands there instead; empty where nothing does. */
  readonly came: string;
  /** A name that was likely meant; empty where none is near. */
  readonly hint: string;
}

export type Path = readonly PropertyKey[];

/** One line for a person: `FILE:LINE:COLUMN: PATH: EXPECTED, came CAME`. */
export function mistakeLine(file: string, { path, line, column, expected, came, hint }: Mistake): string {
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  const where = path === '' ? '' : `${path}: `;
  // Some schemas show in their own words what came.
  const seen = came === '' || (came.startsWith('"') && expected.includes(came)) ? '' : `, came ${came}`;
  return `${place}: ${where}${expected}${seen}${hint === '' ? '' : ` (${hint})`}`;
}

export function pathText(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = String(part);
    if (!/^[\w-]+$/.test(name)) return `${text}[${JSON.stringify(name)}]`;
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/** Characters of a value that are shown in a mistake. */
const SHOWN_MAX = 60;

/** Of a scalar its text; of anything larger only what it is, for a secret may stand in it. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') {
    const text = JSON.stringify(value.length > SHOWN_MAX ? `${value.slice(0, SHOWN_MAX)}…` : value);
    return text.replaceAll(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '�');
  }
  return typeof value === 'object' ? kindOf(value) : String(value);
}

export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'object':
      return 'a map';
    case 'string':
      return 'a text';
    case 'boolean':
      return String(value);
    default:
      return `the number ${String(value)}`;
  }
}

/** `did you mean "grants"?`, where one of the known names is near. */
export function meant(name: string, known: readonly string[]): string {
  const near = known
    .map((candidate) => ({ candidate, distance: distanceOf(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((left, right) => left.distance - right.distance)[0];
  return near === undefined ? '' : `did you mean ${JSON.stringify(near.candidate)}?`;
}

/** Letters to insert, remove, replace or swap with their neighbour, to make one name of the other. */
function distanceOf(left: string, right: string): number {
  if (Math.abs(left.length - right.length) > 8 || left.length > 64) return 64;
  let before: number[] = [];
  let above = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1];
      let least = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      if (row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1])
        least = Math.min(least, (before[column - 2] ?? 0) + 1);
      current.push(least);
    }
    before = above;
    above = current;
  }
  return above[right.length] ?? 0;
}
