import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compileText, print, printProcess } from '../../src/rholang/index.ts';
import { equal } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { programs } from './programs.ts';

const uris = new Map<string, Value>();
const compile = (text: string): Value => compileText(text, { uris }).term;
const reprint = (text: string): string => print(compile(text));

describe('printing', () => {
  it('prints a program so that it reads as the same term, and then prints it the same', () => {
    fc.assert(
      fc.property(programs, (text) => {
        const term = compile(text);
        const printed = print(term);
        assert.equal(reprint(printed), printed);
        assert.ok(equal(compile(printed), term), printed);
        assert.ok(equal(compile(printProcess(term)), term));
      }),
      { numRuns: 800 },
    );
  });
});
