/**
 * All that becomes a receive: `for` with its joins, sequences and calls, `contract`, `let … & …`, and the send that
 * waits. Owns the order of binds: by source, so that a join means the same however it is written.
 */
import { limits } from '../../limits.ts';
import { FreeVariable, New, Receive, Send, Wildcard, compare, list, par } from '../../values/index.ts';
import type { Bind, BoundVariable, Value } from '../../values/index.ts';
import type { Tree } from '../syntax/index.ts';
import { child } from './walker.ts';
import type { Walker } from './walker.ts';
import { renumber } from './numbering.ts';
import type { Free } from './scope.ts';
import type { Part, Step } from './work.ts';

/** A bind before its variables are in scope. */
interface Draft {
  readonly bind: Bind;
  readonly free: Free;
  /** The level of the name that the sender waits on (`x?!`), or -1. */
  readonly reply: number;
}

export function receiveOf(walker: Walker, tree: Tree): Step {
  if (tree.name === 'For') return receipts(walker, tree, 0);
  return tree.name === 'Contract' ? contract(walker, tree) : letJoin(walker, tree);
}

function* contract(walker: Walker, tree: Tree): Step {
  const source = yield walker.name(child(tree, 0));
  const draft = yield* draftOf(walker, child(tree, 1), source, false, false);
  return yield* received(walker, [draft], true, child(tree, 2), tree);
}

/** `for (A ; B) { P }` is `for (A) { for (B) { P } }`. */
function* receipts(walker: Walker, tree: Tree, index: number): Step {
  const { scope } = walker;
  const receipt = child(tree, index);
  const mark = scope.mark();
  const persistent = checkKinds(walker, receipt);
  // the channels of `x!?(…)` are made around the whole join, and called beside it
  const replies = new Map<Tree, number>();
  for (const bind of receipt.children) {
    if (sourceOf(bind).name === 'SendReceive') replies.set(bind, scope.bind(null, 'name', bind.from));
  }
  const calls: Value[] = [];
  const drafts: Draft[] = [];
  for (const bind of receipt.children) {
    const place = sourceOf(bind);
    const level = replies.get(bind);
    let source: Value;
    if (level !== undefined) {
      const channel = yield walker.name(child(place, 0));
      const data = yield* walker.each(child(place, 1).children);
      calls.push(walker.placed(new Send(channel, [walker.bound(level), ...data], false), place));
      source = walker.bound(level);
    } else source = yield walker.name(place.name === 'ReceiveSend' ? child(place, 0) : place);
    drafts.push(yield* draftOf(walker, child(bind, 0), source, bind.name === 'PeekBind', place.name === 'ReceiveSend'));
  }
  const last = index + 2 === tree.children.length;
  const receive = yield* received(walker, drafts, persistent, last ? child(tree, index + 1) : index + 1, tree);
  scope.release(mark);
  return replies.size === 0 ? receive : walker.placed(new New(replies.size, par([...calls, receive])), tree);
}

/** Behind the arrow, which leaves a leaf where it is also an operator. */
function sourceOf(bind: Tree): Tree {
  return child(bind, bind.children.length - 1);
}

/** Whether the receive stays; `<=` is a matter of the whole receive, `<<-` of one bind. */
function checkKinds(walker: Walker, receipt: Tree): boolean {
  const binds = receipt.children;
  if (binds.length > limits.join_channels_max) {
    walker.problems.add(
      'too_many_binds',
      `a join of ${binds.length} channels; at most ${limits.join_channels_max} are possible`,
      receipt.from,
      receipt.to,
    );
  }
  const repeated = binds.some((bind) => bind.name === 'RepeatBind');
  for (const bind of binds) {
    if (repeated && bind.name === 'LinearBind') {
      walker.problems.add(
        'mixed_binds',
        'this bind takes once (`<-`) in a receive that stays (`<=` beside it)',
        bind.from,
        bind.to,
        'write `<=` in each bind of a receive that stays, or `<<-` where it only looks',
      );
    }
  }
  return repeated;
}

function* draftOf(walker: Walker, formals: Tree, source: Value, peek: boolean, answers: boolean): Part<Draft> {
  const { scope } = walker;
  scope.enterPattern();
  const reply = answers ? (scope.free as Free).add(null, 'name', formals.from) : -1;
  const { patterns, remainder } = yield* walker.formals(formals);
  const free = scope.leavePattern();
  renumber(patterns, remainder, free, reply + 1);
  if (reply >= 0) patterns.unshift(new FreeVariable(reply));
  return { bind: { patterns, remainder, source, freeCount: free.entries.length, peek }, free, reply };
}

/** The receive of these binds; `body` is the tree of its body or the index of the next receipt of `tree`. */
function* received(walker: Walker, drafts: Draft[], persistent: boolean, body: Tree | number, tree: Tree): Part<Value> {
  const { scope } = walker;
  checkReuse(walker, drafts);
  drafts.sort(compareDrafts);
  const mark = scope.mark();
  const answers: { readonly draft: Draft; readonly first: number }[] = [];
  for (const draft of drafts) {
    let first = -1;
    for (const { name, sort, from } of draft.free.entries) {
      const level = scope.bind(name, sort, from);
      if (first < 0) first = level;
    }
    if (draft.reply >= 0) answers.push({ draft, first: first + draft.reply });
  }
  const inner = yield typeof body === 'number' ? receipts(walker, tree, body) : walker.body(body);
  const sends = answers.map(({ first }) => walker.placed(new Send(walker.bound(first), [], false), tree));
  scope.release(mark);
  const all = sends.length === 0 ? inner : par([...sends, inner]);
  return walker.placed(
    new Receive(
      drafts.map((draft) => draft.bind),
      all,
      persistent,
    ),
    tree,
  );
}

/** By source; binds of one channel by what they match, so that their order in the text does not show either. */
function compareDrafts(left: Draft, right: Draft): number {
  return (
    compare(left.bind.source, right.bind.source) ||
    compare(list(left.bind.patterns, left.bind.remainder), list(right.bind.patterns, right.bind.remainder)) ||
    Number(left.bind.peek) - Number(right.bind.peek)
  );
}

function checkReuse(walker: Walker, drafts: readonly Draft[]): void {
  if (drafts.length < 2) return;
  const seen = new Map<string, number>();
  for (const { free } of drafts) {
    for (const { name, sort, from } of free.entries) {
      if (name === null) continue;
      const first = seen.get(name);
      if (first === undefined) seen.set(name, from);
      else walker.problems.reuse(name, sort, first, from);
    }
  }
}

/** `let a <- P & b <- Q in { R }` is `new t, u in { t!(P) | u!(Q) | for (a <- t & b <- u) { R } }`. */
function* letJoin(walker: Walker, tree: Tree): Step {
  const { scope } = walker;
  const declarations = child(tree, 0).children;
  const mark = scope.mark();
  const levels = declarations.map((declaration) => scope.bind(null, 'name', declaration.from));
  const sends: Value[] = [];
  const drafts: Draft[] = [];
  for (const [index, declaration] of declarations.entries()) {
    const channel = (): BoundVariable => walker.bound(levels[index] as number);
    const data = yield* walker.each(child(declaration, 1).children);
    sends.push(walker.placed(new Send(channel(), data, false), declaration));
    drafts.push(yield* draftOf(walker, child(declaration, 0), channel(), false, false));
  }
  const receive = yield* received(walker, drafts, false, child(tree, 1), tree);
  scope.release(mark);
  return walker.placed(new New(levels.length, par([...sends, receive])), tree);
}

/** `x!?(a); P` is `new r in { x!(*r, a) | for (_ <- r) { P } }`; with a point instead, P is nil. */
export function* sendAndWait(walker: Walker, tree: Tree): Step {
  const { scope } = walker;
  const mark = scope.mark();
  const level = scope.bind(null, 'name', tree.from);
  const channel = yield walker.name(child(tree, 0));
  const data = yield* walker.each(child(tree, 1).children);
  const send = walker.placed(new Send(channel, [walker.bound(level), ...data], false), tree);
  const bind: Bind = {
    patterns: [Wildcard.the],
    remainder: null,
    source: walker.bound(level),
    freeCount: 0,
    peek: false,
  };
  const body = tree.children.length < 3 ? null : yield walker.process(child(tree, 2));
  const receive = walker.placed(new Receive([bind], body, false), tree);
  scope.release(mark);
  return walker.placed(new New(1, par([send, receive])), tree);
}
