/** Causes in words: each says what happened on one short line, in every form that a version has written. */
import assert from 'node:assert/strict';
import type { CauseRecord } from '../../src/space/index.ts';
import { wordingWith } from '../../src/trace/index.ts';
import { List, Tuple, type Value } from '../../src/values/index.ts';

const wording = wordingWith((value) => JSON.stringify(value));

function told(payload: Value): string {
  const cause: CauseRecord = {
    turn: 1,
    kind: 'begun',
    account: 3,
    mode: 'transaction',
    payload,
    message: null,
    task: 0,
  };
  return wording.cause(cause);
}

describe('causes in words', () => {
  it('name the changes that begin, in the form of today and in that of earlier versions', () => {
    const begun = (tasks: readonly number[]): Value => new Tuple(['transaction', 'tcp', 'send', new List(tasks)]);
    assert.equal(told(begun([7])), 'begun of deploy 3 tcp.send in task 7');
    assert.equal(told(begun([7, 9])), 'begun of deploy 3 tcp.send in tasks 7, 9');
    assert.equal(told(new Tuple(['transaction', 7, 'tcp', 'send'])), 'begun of deploy 3 tcp.send in task 7');
  });

  it('name the first of very many, and say how many more there are', () => {
    const tasks = new List(Array.from({ length: 256 }, (_, index) => index + 1));
    const line = told(new Tuple(['transaction', 'tcp', 'send', tasks]));
    assert.match(line, / in tasks 1, 2, .* 20 and 236 more$/);
  });
});
