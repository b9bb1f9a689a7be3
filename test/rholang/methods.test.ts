/** Methods of data: results, edges, refusals. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { results } from './support/run.ts';

function gives(expression: string, expected: string): void {
  const { values, failures } = results(`out!(${expression})`);
  assert.deepEqual(failures.map(String), [], expression);
  assert.deepEqual(values, [expected], expression);
}

function fails(expression: string, message: RegExp): void {
  const { values, failures } = results(`out!(${expression})`);
  assert.deepEqual(values, [], expression);
  assert.match(failures[0]?.message ?? 'no failure', message, expression);
}

describe('methods', () => {
  it('nth takes items of lists, tuples and unsigned bytes, within bounds', () => {
    gives('[7, 8, 9, 10].nth(2)', '9');
    gives('(1, 2).nth(1)', '2');
    gives('"0102ff".hexToBytes().nth(2)', '255');
    fails('[1, 2].nth(2)', /index out of bound: 2 of 2/);
    fails('[1, 2].nth(-1)', /index out of bound: -1/);
    fails('[1].nth(4294967296)', /takes an Int of 32 bits and got 4294967296/);
    fails('[1].nth("0")', /expects Int and got String/);
    fails('1.nth(0)', /method `nth` is not defined on Int/);
  });

  it('strings count code points, byte arrays bytes, lists items', () => {
    gives(
      '["abc".length(), "é🌍".length(), "".length(), [1, 2].length(), "ff00".hexToBytes().length()]',
      '[3, 2, 0, 2, 2]',
    );
    fails('(1, 2).length()', /method `length` is not defined on Tuple/);
    fails('Set(1).length()', /method `length` is not defined on Set/);
  });

  it('slices are clamped', () => {
    gives(
      '["abcabac".slice(3, 6), "abcabac".slice(2, 1), "abcabac".slice(8, 9), "abcabac".slice(-2, 2)]',
      '["aba", "", "", "ab"]',
    );
    gives(
      '[[3,7,2,9,4,3,7].slice(3, 5), [1].slice(5, 4), [1].slice(7, 8), [3,7,2].slice(-2, 2)]',
      '[[9, 4], [], [], [3, 7]]',
    );
    gives('"00010203".hexToBytes().slice(1, 9).bytesToHex()', '"010203"');
    gives('[[1, 2, 3].take(2), [1].take(5), [1].take(-1)]', '[[1, 2], [1], []]');
  });

  it('slices of text agree with arrays of code points', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'é', '🌍', '𝔘', '￿')),
        fc.integer({ min: -2, max: 9 }),
        fc.integer({ min: -2, max: 9 }),
        (points, from, until) => {
          const { values } = results(
            `out!("${points.join('')}".slice(${from}, ${until}), "${points.join('')}".length())`,
          );
          const slice = points.slice(
            Math.max(0, from),
            Math.max(0, from, until) === Math.max(0, until) ? Math.max(0, until) : Math.max(0, from),
          );
          assert.deepEqual(values, [`"${slice.join('')}", ${points.length}`]);
        },
      ),
    );
  });

  it('sets and maps answer by key in any order of insertion', () => {
    gives('{"b": 2, "a": 1}.set("c", 3).set("a", 0)', '{"a" : 0, "b" : 2, "c" : 3}');
    gives(
      '[{"a": 1}.get("a"), {"a": 1}.get("b"), {"a": 1}.getOrElse("b", 7), {"a": 1}.contains("a"), {"a": 1}.size(), Set(1, 2).size()]',
      '[1, Nil, 7, true, 1, 2]',
    );
    gives(
      '[Set(1).add(2), Set(1).add(1), Set(1, 2).delete(1), Set(1).delete(5), Set(1, 2).contains(2)]',
      '[Set(1, 2), Set(1), Set(2), Set(1), true]',
    );
    gives(
      '[Set(1).union(Set(2)), {1: 1}.union({1: 2}), Set(1, 2).diff(Set(2)), {1: 1, 2: 2}.diff({2: 0}), Set(1, 2).intersection(Set(2, 3))]',
      '[Set(1, 2), {1 : 2}, Set(1), {1 : 1}, Set(2)]',
    );
    gives('{2: "b", 1: "a"}.keys()', 'Set(1, 2)');
    fails('Set(1, 2, 3).get(1)', /method `get` is not defined on Set/);
    fails('{1: 1}.add(1)', /method `add` is not defined on Map/);
    fails('Set(1).union([1])', /method `union` of Set expects Set and got List/);
  });

  it('a map behaves as a dictionary of the language it is written in', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.constantFrom('set', 'delete'), fc.integer({ min: -5, max: 5 }), fc.integer({ min: 0, max: 99 })),
        ),
        (changes) => {
          const model = new Map<number, number>();
          let expression = '{}';
          for (const [verb, key, item] of changes) {
            expression += verb === 'set' ? `.set(${key}, ${item})` : `.delete(${key})`;
            if (verb === 'set') model.set(key, item);
            else model.delete(key);
          }
          const sorted = [...model].sort(([left], [right]) => left - right);
          gives(expression, `{${sorted.map(([key, item]) => `${key} : ${item}`).join(', ')}}`);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('collections turn into each other, sorted', () => {
    gives(
      '[Set(3, 1).toList(), {2: "b", 1: "a"}.toList(), (1, 2).toList(), [1].toList()]',
      '[[1, 3], [(1, "a"), (2, "b")], [1, 2], [1]]',
    );
    gives('[[2, 1, 2].toSet(), {1: 2}.toSet(), Set(1).toSet()]', '[Set(1, 2), Set((1, 2)), Set(1)]');
    gives('[[("a", 1), ("a", 2)].toMap(), {1: 1}.toMap(), Set((1, 2)).toMap()]', '[{"a" : 2}, {1 : 1}, {1 : 2}]');
    fails('["a", ("b", 2)].toMap()', /items that are tuples of a key and a value/);
    fails('1.toMap()', /method `toMap` is not defined on Int/);
    fails('1.toSet()', /method `toSet` is not defined on Int/);
  });

  it('numbers and text turn into each other, or say why not', () => {
    gives(
      '[5.toInt(), 5n.toInt(), "-42".toInt(), "-9223372036854775808".toInt(), 2.9.toInt(), (-2.9).toInt()]',
      '[5, 5, -42, -9223372036854775808, 2, -2]',
    );
    gives('[5.toBigInt(), "99999999999999999999".toBigInt(), 7n.toBigInt()]', '[5n, 99999999999999999999n, 7n]');
    gives('[5.toFloat(), "2.5".toFloat(), 5n.toFloat(), "-1e3".toFloat()]', '[5.0, 2.5, 5.0, -1000.0]');
    gives(
      '[5.toString(), 5n.toString(), true.toString(), "a".toString(), Nil.toString(), `rho:x`.toString(), 2.5.toString()]',
      '["5", "5", "true", "a", "Nil", "rho:x", "2.5"]',
    );
    fails('9223372036854775808n.toInt()', /out of the range of Int/);
    fails('"WRONG".toInt()', /method `toInt` cannot make Int of "WRONG"/);
    fails('"0x10".toInt()', /cannot make Int/);
    fails('(0.0 / 0.0).toInt()', /cannot make Int of NaN/);
    fails('Set().toInt()', /method `toInt` is not defined on Set/);
    fails('[1].toString()', /method `toString` is not defined on List/);
  });

  it('text and bytes turn into each other; the strict forms refuse what the lenient ones drop', () => {
    gives(
      '["616263".hexToBytes().bytesToUtf8(), "test".toUtf8Bytes().bytesToHex(), "4 g2a".hexToBytes().bytesToHex(), "abc".hexToBytes().bytesToHex()]',
      '["abc", "74657374", "042a", "0abc"]',
    );
    gives('"0aFF".hexToBytesStrict().bytesToHex()', '"0aff"');
    fails('"abc".hexToBytesStrict()', /pairs of hexadecimal digits/);
    fails('"ff".hexToBytes().bytesToUtf8()', /not valid UTF-8/);
    fails('1.toUtf8Bytes()', /method `toUtf8Bytes` is not defined on Int/);
  });

  it('toByteArray gives the canonical bytes of any value, so equal values give equal bytes', () => {
    const { values } = results(
      'match [{@1!(2) | @3!(4)}, {"b": 1, "a": 2}] { x => out!(x.toByteArray() == [{@3!(4) | @1!(2)}, {"a": 2, "b": 1}].toByteArray(), x.toByteArray() == [].toByteArray()) }',
    );
    assert.deepEqual(values, ['true, false']);
    fails('1.toByteArray(1)', /method `toByteArray` expects 0 arguments and got 1/);
  });

  it('checked arithmetic refuses to wrap', () => {
    gives('[1.addChecked(2), 1.subtractChecked(2), 3.multiplyChecked(4)]', '[3, -1, 12]');
    fails('9223372036854775807.addChecked(1)', /the sum of 9223372036854775807 and 1 leaves the 64 bits of Int/);
    fails('4611686018427387904.multiplyChecked(2)', /the product of/);
    fails('1.addChecked(1n)', /expects Int and got BigInt/);
  });

  it('an unknown method, and a wrong number of arguments, are named', () => {
    fails('3.noSuchMethod()', /unknown method `noSuchMethod` of Int/);
    fails('[1].toList(1)', /method `toList` expects 0 arguments and got 1/);
    fails('{@0!(1)}.size()', /method `size` is not defined on a process/);
  });
});
