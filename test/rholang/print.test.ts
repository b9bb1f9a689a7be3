import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compileText, print, printProcess } from '../../src/rholang/index.ts';
import { BoundVariable, Bundle, Bytes, FreeVariable, List, Name, Send, equal, float } from '../../src/values/index.ts';
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

  it('prints values as they are written, collections in order by value', () => {
    for (const [text, printed] of [
      ['Nil', 'Nil'],
      ['true', 'true'],
      ['-7', '-7'],
      ['9223372036854775807', '9223372036854775807'],
      ['BigInt(5)', '5n'],
      ['2.0', '2.0'],
      ['1e21', '1e+21'],
      ['"a b"', '"a b"'],
      ['`rho:x`', '`rho:x`'],
      ['[1, "a", [2]]', '[1, "a", [2]]'],
      ['(1,)', '(1,)'],
      ['(1, 2)', '(1, 2)'],
      ['Set(3, "b", 1, "a", 2)', 'Set(1, 2, 3, "a", "b")'],
      ['{"two": 2, "one": 1}', '{"one" : 1, "two" : 2}'],
      ['{}', '{}'],
    ] as const) {
      assert.equal(reprint(text), printed);
    }
    assert.equal(print(new Bytes(Uint8Array.of(0, 10, 255))), '000aff');
    assert.equal(print(float(Number.NaN)), 'NaN');
  });

  it('prints processes in the syntax of the language', () => {
    for (const [text, printed] of [
      ['@1!(2, 3)', '@{1}!(2, 3)'],
      ['@"c"!!()', '@{"c"}!!()'],
      ['new x, y in { x!(*y) }', 'new x0, x1 in { x0!(*x1) }'],
      ['for (@x, y <- @1) { y!(x) }', 'for( @{x0}, @{x1} <- @{1} ) { @{x1}!(x0) }'],
      [
        'for (@[x, _ ...r] <= @1 & ...@z <<- @2) { @x!(r, z) }',
        'for( @{[x0, _ ...x1]} <= @{1}  & ...@x2 <<- @{2} ) { @{x0}!(x1, x2) }',
      ],
      ['bundle+{ @1!(2) }', 'bundle+{ @{1}!(2) }'],
      ['match 1 { {x /\\ Int} => x _ => Nil }', 'match 1 { (x0 /\\ Int) => { x0 } _ => { Nil } }'],
      ['1 + 2 * -(3)', '(1 + (2 * (-(3))))'],
      ['not (1 == 2)', '(not (1 == 2))'],
      ['[1].nth(0)', '([1]).nth(0)'],
      ['@2!(2) | @1!(1)', '@{1}!(1) | @{2}!(2)'],
      ['for (@x <- @1) { for (@{=x} <- @2) { Nil } }', 'for( @{x0} <- @{1} ) { for( @{=x0} <- @{2} ) { Nil } }'],
      ['new x in { 1 matches =*x }', 'new x0 in { (1 matches =*x0) }'],
    ] as const) {
      assert.equal(reprint(text), printed);
    }
  });

  it('prints a process for people on lines, with bodies indented', () => {
    assert.equal(
      printProcess(compile('new x in { x!(1) | for (@y <- x) { match y { 1 => Nil _ => @y!() } } }')),
      [
        'new x0 in {',
        '  x0!(1) |',
        '  for( @{x1} <- x0 ) {',
        '    match x1 {',
        '      1 => {',
        '        Nil',
        '      }',
        '      _ => {',
        '        @{x1}!()',
        '      }',
        '    }',
        '  }',
        '}',
      ].join('\n'),
    );
  });

  it('escapes in strings what would end them, break the line or reach the terminal', () => {
    assert.equal(print('a"b\\c\nd\te\u001bf\u0000\u007f'), '"a\\"b\\\\c\\nd\\te\\027f\\000\\127"');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(compile(print(text)), text);
      }),
    );
  });

  it('shows of an unforgeable name only its first bytes', () => {
    const name = new Name(
      null,
      0,
      0,
      Uint8Array.from({ length: 32 }, (_, index) => index + 0xa0),
    );
    assert.equal(print(name), 'Unforgeable(0xa0a1a2a3…)');
    assert.equal(
      print(new Send(name, [new Bundle(name, false, true)], false)),
      '@{Unforgeable(0xa0a1a2a3…)}!(bundle+{ Unforgeable(0xa0a1a2a3…) })',
    );
  });

  it('prints parts of a term whose variables are bound elsewhere', () => {
    assert.equal(print(new Send(new BoundVariable(0), [new BoundVariable(2)], false)), '@{outer0}!(outer2)');
    assert.equal(print(new List([new FreeVariable(1)], new FreeVariable(0))), '[free1 ...free0]');
  });

  it('stops at the length it is given', () => {
    const long = compile(`[${'"abc", '.repeat(1000)}]`);
    assert.equal(print(long, { lengthMax: 10 }), '["abc", "a…');
    assert.equal(print('abcdefghijkl', { lengthMax: 5 }), '"abcd…');
    assert.equal(print(long, { lengthMax: 100_000 }), print(long));
  });
});
