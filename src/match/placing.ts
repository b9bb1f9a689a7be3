/**
 * Which parts of a target the single parts of a pattern take: elements of a set, parts of a parallel
 * composition, entries of a map. Owns the choice (the first in lexicographic order) and the rule that what
 * nobody can keep must be taken. Must never decide what matches: that is asked.
 */
import type { Value } from '../values/index.ts';
import { assignNumbers } from './assignment.ts';
import type { Plan } from './plan.ts';
import type { Accepts, Walk } from './walk.ts';

/** Parts that are taken, by position (what lies behind its end is not); or null when there is no way or the budget is spent. */
export type Taken = readonly boolean[];
const NONE_TAKEN: Taken = [];

/**
 * Every single takes a part of its own, and writes its captures. `open` marks the parts that must be taken,
 * because the rest of the pattern cannot hold them; null when it can hold all.
 */
export function placeParts(
  singles: readonly Plan[],
  parts: readonly Value[],
  open: readonly boolean[] | null,
  binders: number,
  walk: Walk,
  accepts: Accepts,
): Taken | null {
  if (singles.length > parts.length) return null;
  const mustTake = open === null ? 0 : open.filter(Boolean).length;
  if (mustTake > singles.length) return null;
  if (singles.length === 0) return NONE_TAKEN;
  if (singles.length === 1 && mustTake === 0) return placeOne(singles[0] as Plan, parts, binders, walk, accepts);
  const candidates: number[][] = [];
  const kept: (readonly Value[])[][] = [];
  for (const single of singles) {
    const own: number[] = [];
    const captures: (readonly Value[])[] = [];
    candidates.push(own);
    kept.push(captures);
    // As for joins, so many candidates suffice as there are singles; those that must be taken come on top.
    let free = 0;
    for (let at = 0; at < parts.length; at++) {
      const isOpen = open !== null && open[at] === true;
      if (!isOpen && free === singles.length) {
        if (mustTake === 0) break;
        continue;
      }
      if (!accepts(single, parts[at] as Value, binders, walk)) {
        if (walk.budget.steps < 0) return null;
        continue;
      }
      own.push(at);
      captures.push(single.levels.map((level) => walk.captures[level] as Value));
      if (!isOpen) free++;
    }
    if (own.length === 0) return null;
  }
  return choose(singles, parts.length, open, candidates, kept, walk);
}

/** The first part that fits; its captures stand already. */
function placeOne(single: Plan, parts: readonly Value[], binders: number, walk: Walk, accepts: Accepts): Taken | null {
  const taken: boolean[] = [];
  for (const part of parts) {
    if (accepts(single, part, binders, walk)) {
      taken.push(true);
      return taken;
    }
    if (walk.budget.steps < 0) return null;
    taken.push(false);
  }
  return null;
}

function choose(
  singles: readonly Plan[],
  length: number,
  open: readonly boolean[] | null,
  candidates: readonly (readonly number[])[],
  kept: readonly (readonly (readonly Value[])[])[],
  walk: Walk,
): Taken | null {
  // Parts are renumbered so that only those in question count.
  const numbers = new Map<number, number>();
  const positions: number[] = [];
  const lists = candidates.map((own) =>
    own.map((at) => {
      let number = numbers.get(at);
      if (number === undefined) {
        number = positions.length;
        numbers.set(at, number);
        positions.push(at);
      }
      return number;
    }),
  );
  if (open !== null && !fillUp(lists, positions, open)) return null;
  walk.budget.steps -= lists.length;
  const chosen = assignNumbers(
    lists,
    positions.map(() => false),
    walk.budget,
  );
  if (chosen === null) return null;
  const taken: boolean[] = [];
  for (let at = 0; at < length; at++) taken.push(false);
  for (let index = 0; index < singles.length; index++) {
    const number = chosen[index] as number;
    taken[positions[number] as number] = true;
    const values = (kept[index] as readonly (readonly Value[])[])[(lists[index] as readonly number[]).indexOf(number)];
    (singles[index] as Plan).levels.forEach((level, at) => {
      walk.captures[level] = (values as readonly Value[])[at] as Value;
    });
  }
  return taken;
}

/**
 * Stands for the rest: as many takers as parts in question would be left over, each content with any part
 * that is not open. So an assignment that serves everybody leaves no open part behind.
 */
function fillUp(lists: number[][], positions: readonly number[], open: readonly boolean[]): boolean {
  for (let at = 0; at < open.length; at++) if (open[at] === true && !positions.includes(at)) return false;
  const closed: number[] = [];
  positions.forEach((at, number) => {
    if (open[at] !== true) closed.push(number);
  });
  for (let taker = lists.length; taker < positions.length; taker++) lists.push(closed);
  return true;
}
