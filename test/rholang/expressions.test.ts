/** Operators: what they give, what they refuse, and that a refusal ends one branch. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PowerboxError } from '../../src/errors.ts';
import { results } from './support/run.ts';

function gives(expression: string, ...expected: string[]): void {
  const { values, failures } = results(`out!(${expression})`);
  assert.deepEqual(failures.map(String), [], expression);
  assert.deepEqual(values, expected, expression);
}

function fails(expression: string, message: RegExp, code = 'evaluation_error'): void {
  const { values, failures } = results(`out!(${expression}) | out!("beside")`);
  assert.deepEqual(values, ['"beside"'], expression);
  assert.equal(failures.length, 1, expression);
  const [failure] = failures;
  assert.ok(failure instanceof PowerboxError && failure.code === code, String(failure));
  assert.match(failure.message, message);
}

describe('expressions', () => {
  it('Int arithmetic is exact within 64 bits and wraps beyond', () => {
    gives('7 + 8', '15');
    gives('9007199254740991 + 2', '9007199254740993');
    gives('9223372036854775807 + 1', '-9223372036854775808');
    gives('-9223372036854775807 - 2', '9223372036854775807');
    gives('4611686018427387904 * 2', '-9223372036854775808');
    gives('(-9223372036854775807 - 1) / -1', '-9223372036854775808');
    gives('-(-9223372036854775807 - 1)', '-9223372036854775808');
    gives('9223372036854775807 - 9223372036854775806', '1');
  });

  it('division and remainder truncate towards zero, and zero is never negative', () => {
    gives('[7 / 2, -7 / 2, 7 / -2, 7 % 3, -7 % 3, 7 % -3]', '[3, -3, -3, 1, -1, 1]');
    gives('[0 * -1 == 0, -4 % 2 == 0, -1 / 2 == 0, -0]', '[true, true, true, 0]');
    gives('[0 * -1, -4 % 2, -1 / 2].toByteArray() == [0, 0, 0].toByteArray()', 'true');
    fails('1 / 0', /division by zero \(line 1, column \d+\)/);
    fails('1 % 0', /remainder by zero/);
    fails('1n / 0n', /division by zero/);
  });

  it("Int arithmetic agrees with 64-bit two's complement arithmetic", () => {
    const wide = fc.oneof(
      fc.bigInt(-(1n << 63n) + 1n, (1n << 63n) - 1n),
      fc.bigInt(-9n, 9n),
      fc.bigInt((1n << 53n) - 3n, (1n << 53n) + 3n),
    );
    fc.assert(
      fc.property(wide, wide, fc.constantFrom('+', '-', '*', '/', '%'), (left, right, operator) => {
        if (right === 0n) return;
        const exact = { '+': left + right, '-': left - right, '*': left * right, '/': left / right, '%': left % right }[
          operator
        ];
        const { values } = results(
          `for (@a, @b <- @0) { out!(a ${operator} b, (${text(left)}) ${operator} (${text(right)}), a ${operator} (${text(right)})) } | @0!(${text(left)}, ${text(right)})`,
        );
        const shown = String(BigInt.asIntN(64, exact));
        assert.deepEqual(values, [`${shown}, ${shown}, ${shown}`]);
      }),
      { numRuns: 200 },
    );
    function text(n: bigint): string {
      return n < 0n ? `-${-n}` : String(n);
    }
  });

  it('BigInt is exact and never mixes with Int', () => {
    gives(
      '[123456789012345678901234567890n * 1000000000000000000000n, 100n / 3n, -7n % 4n, -5n, 2n - 3n]',
      '[123456789012345678901234567890000000000000000000000n, 33n, -3n, -5n, -1n]',
    );
    gives('[2n < 3n, 3n >= 4n, 1n == 1]', '[true, false, false]');
    fails('1n * 1', /operator `\*` is not defined on BigInt and Int/);
    fails('1n >= 1', /cannot compare BigInt with Int/);
  });

  it('Float follows IEEE 754, with one NaN that equals itself as a value and compares with nothing', () => {
    gives('[1.5 + 2.25, 1.0 / 0.0 > 1.0, 7.5 - 0.5, 2.0 * 0.25]', '[3.75, true, 7.0, 0.5]');
    gives('[0.0 / 0.0 == 0.0 / 0.0, 0.0 / 0.0 < 1.0, 0.0 / 0.0 >= 1.0]', '[true, false, false]');
    fails('1.0 % 2.0', /operator `%` is not defined on Float and Float/);
    fails('1.0 + 1', /Float and Int/);
  });

  it('comparison takes two Bool, Int, BigInt, Float or String, and strings by code point', () => {
    gives(
      '[false < true, 1 <= 1, "a" < "b", "\u{10000}" > "\uffff", 2 > 3, "b" >= "a"]',
      '[true, true, true, true, false, true]',
    );
    fails('1 < "1"', /operator `<` cannot compare Int with String/);
    fails('[1] < [2]', /cannot compare List with List/);
    fails('Nil < Nil', /Nil with Nil/);
  });

  it('equality compares any two values as terms', () => {
    gives(
      '[{@1!(2) | @3!(4)} == {@3!(4) | @1!(2)}, [1, "a"] == [1, "a"], 1 == "1", Nil == Nil, Set(1, 2) == Set(2, 1), 1 != 2]',
      '[true, true, false, true, true, true]',
    );
    const { values } = results('new x, y in { out!(*x == *x, *x == *y, {x!(1)} == {x!(1)}, {x!(1)} == {y!(1)}) }');
    assert.deepEqual(values, ['true, false, true, false']);
  });

  it('and, or evaluate both sides; && and || stop at the side that decides', () => {
    gives('[false && [1].nth(9), true || [1].nth(9), false && [1].nth(9) && [1].nth(9)]', '[false, true, false]');
    gives(
      '[true and false, false or true, not true, true && true, false || false]',
      '[false, true, false, true, false]',
    );
    fails('true && [1].nth(9)', /index out of bound/);
    fails('false || [1].nth(9)', /index out of bound/);
    fails('false and [1].nth(9)', /index out of bound/);
    fails('true or [1].nth(9)', /index out of bound/);
    fails('1 and true', /operator `and` expects Bool and got Int/);
    fails('true && 1', /operator `&&` expects Bool and got Int/);
    fails('not 1', /operator `not` expects Bool and got Int/);
  });

  it('&& reads variables of receives further out', () => {
    const { values } = results(
      '@1!(true) | @2!(false) | for (@a <- @1) { for (@b <- @2) { out!(a && b, a || b, b && a) } }',
    );
    assert.deepEqual(values, ['false, true, false']);
  });

  it('++ joins strings, byte arrays, lists, maps and sets; -- takes sets apart; + and - change sets and maps', () => {
    gives('"ab" ++ "cd"', '"abcd"');
    gives('("0a".hexToBytes() ++ "0b".hexToBytes()).bytesToHex()', '"0a0b"');
    gives('[1] ++ [2, 1]', '[1, 2, 1]');
    gives('{1: "a", 2: "b"} ++ {2: "c"}', '{1 : "a", 2 : "c"}');
    gives('Set(1, 2) ++ Set(2, 3)', 'Set(1, 2, 3)');
    gives('Set(1, 2) -- Set(2, 3)', 'Set(1)');
    gives('[Set(1) + 2, Set(1, 2) - 1, Set(1) - 9, {1: 2} - 1]', '[Set(1, 2), Set(2), Set(1), {}]');
    fails('"a" ++ 1', /operator `\+\+` is not defined on String and Int/);
    fails('[1] -- [1]', /operator `--` is not defined on List and List/);
    fails('"a" + "b"', /operator `\+` is not defined on String and String/);
    fails('-"a"', /negation is not defined on String/);
  });

  it('interpolation scans once and leaves unknown keys as they are', () => {
    gives('"Hello, ${name}!" %% {"name": "Alice"}', '"Hello, Alice!"');
    gives('"${a} ${b}" %% {"a": "1 ${b}", "b": "2 ${a}"}', '"1 ${b} 2 ${a}"');
    gives('"${b} ${u} ${n} ${x} ${" %% {"b": true, "u": `rho:u`, "n": 5n}', '"true rho:u 5 ${x} ${"');
    fails('"${a}" %% {"a": [1]}', /operator `%%` cannot put List into a string/);
    fails('"${a}" %% {1: "a"}', /keys are String and found Int/);
  });

  it('matches gives a Bool, also with references to variables and inside received processes', () => {
    gives(
      '[1 matches 1, 1 matches 0, 1 matches _, 1 matches Int, [1, 2] matches [_, ..._], 1 matches {String \\/ Int}]',
      '[true, false, true, true, true, true]',
    );
    const { values } = results(
      'match 1 { x => out!(x matches 1, 1 matches =x, 2 matches =x) } | @0!(for (@y <- @1) { out!(y matches _) }) | @1!(3) | for (@p <- @0) { p }',
    );
    assert.deepEqual(values, ['true, true, false', 'true']);
  });

  it('data are evaluated through collections, and a process in data is not', () => {
    gives('[1 + 1, (2 * 2,), Set(1 + 2, 3), {"k": 1 + 1}]', '[2, (4,), Set(3), {"k" : 2}]');
    gives('[{@1!(1 + 1)} == {@1!(2)}, {@1!(1 + 1)} == {@1!(1 + 1)}]', '[false, true]');
  });

  it('an expression captured inside a quoted process is evaluated when it is used', () => {
    const { values } = results('match {@0!(1 + 1, [2 + 2])} { @0!(x, y) => out!(x, y, x + 1) }');
    assert.deepEqual(values, ['2, [4], 3']);
  });

  it('an error names operation, types and the place in the source', () => {
    const { failures } = results('\n  out!(1 +\n   "a")');
    assert.match(failures[0]?.message ?? '', /^operator `\+` is not defined on Int and String \(line 2, column 8\)$/);
  });
});
