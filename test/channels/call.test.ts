/** From a message to one checked call, or to a refusal that says what was expected and what came. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  declareChannel,
  errorResult,
  isErrorResult,
  parseCall,
  parseMethodCall,
  resultMismatch,
  stdout,
  stdoutAck,
  t,
  NewObject,
} from '../../channels/index.ts';
import type { Call, CallRefusal } from '../../channels/index.ts';
import { Name, Send, bundle, bytes, list, map, set, tuple } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';

let drawn = 0;
const name = (): Name => new Name(null, ++drawn, 1, null);
const ret = name();
const err = name();

const probe = declareChannel({
  name: 'probe',
  doc: 'A probe.',
  methods: {
    none: { doc: 'x', effect: 'none', forms: [{ args: [], result: t.nil }] },
    pick: {
      doc: 'x',
      effect: 'none',
      forms: [
        { args: [{ name: 'text', type: t.string({ max: 4 }) }], result: t.nil },
        { args: [{ name: 'count', type: t.int({ min: 0, max: 9 }) }], result: t.nil },
        {
          args: [
            { name: 'items', type: t.list(t.int({ max: 9 })) },
            { name: 'all', type: t.bool },
          ],
          result: t.nil,
        },
      ],
    },
    to: { doc: 'x', effect: 'none', forms: [{ args: [{ name: 'channel', type: t.name }], result: t.string() }] },
    any: { doc: 'x', effect: 'none', forms: [{ args: [{ name: 'value', type: t.any }], result: t.map(t.int()) }] },
  },
});

function call(...message: Value[]): Call {
  const parsed = parseCall(probe, message);
  if (!parsed.ok) assert.fail(parsed.message);
  return parsed;
}

function refusal(...message: Value[]): CallRefusal {
  const parsed = parseCall(probe, message);
  if (parsed.ok) assert.fail('a refusal was expected');
  return parsed;
}

describe('a call', () => {
  it('is read in each of its shapes', () => {
    for (const [message, to, error] of [
      [['pick', 3], null, null],
      [['pick', 3, ret], ret, null],
      [['pick', 3, ret, err], ret, err],
      [[ret, 'pick', 3], ret, null],
      [[ret, 'pick', 3, err], ret, err],
    ] as [Value[], Value, Value][]) {
      const parsed = call(...message);
      assert.deepEqual([parsed.method.name, parsed.form, parsed.args], ['pick', 1, [3]]);
      assert.equal(parsed.ret, to);
      assert.equal(parsed.err, error);
    }
  });

  it('is of the form that number and types decide', () => {
    assert.equal(call('pick', 'a').form, 0);
    assert.equal(call('pick', list([1]), true, ret).form, 2);
    assert.equal(call('to', err, ret).args[0], err);
    assert.equal(call('to', err, ret).ret, ret);
    assert.deepEqual(call('any', ret).args, [ret]);
    assert.equal(call('none', ret, err).err, err);
  });

  it('takes a write-only bundle for its reply, and none that cannot be written', () => {
    const writable = bundle(ret, false, true);
    assert.equal(call('none', writable).ret, writable);
    assert.equal(refusal('none', bundle(ret, true, false)).ret, null);
    assert.match(refusal('none', bundle(ret, true, false)).message, /a name that cannot be sent on/);
    assert.equal(refusal('none', 'public').code, 'arguments_invalid');
  });

  it('that is refused says what was expected and what came, and where the refusal goes', () => {
    const unknown = refusal('pik', 3, ret);
    assert.equal(unknown.code, 'method_unknown');
    assert.match(unknown.message, /"pik".*none, pick, to, any/);
    assert.equal(unknown.ret, ret);
    const wrong = refusal('pick', true, ret, err);
    assert.equal(wrong.code, 'arguments_invalid');
    assert.match(
      wrong.message,
      /probe\.pick: expected text \(a string of at most 4 bytes\); or count \(an integer \(0 to 9\)\).*true, a name, a name came/,
    );
    assert.deepEqual([wrong.ret, wrong.err], [ret, err]);
    assert.equal(
      refusal('pick', 'ähem', ret).message,
      'probe.pick: text must be a string of at most 4 bytes, but one of 5 bytes came',
    );
    assert.match(refusal('pick', 10).message, /count must be an integer \(0 to 9\), but 10 came/);
    assert.match(
      refusal('pick', list([1, 'a']), true).message,
      /each item of items must be an integer \(at most 9\), but the string "a" came/,
    );
    assert.deepEqual(
      [refusal().code, refusal(7).code, refusal(ret).code],
      ['method_unknown', 'method_unknown', 'method_unknown'],
    );
    assert.equal(refusal(ret, 'pick', true).ret, ret);
  });

  it('inside an expression has no trailing names', () => {
    const parsed = parseMethodCall(probe, 'pick', [3]);
    assert(parsed.ok && parsed.ret === null);
    assert(!parseMethodCall(probe, 'pick', [3, ret]).ok);
    assert(!parseMethodCall(probe, 'nothing', []).ok);
  });

  it('on a plain channel is its values', () => {
    const plain = parseCall(stdout, ['print']);
    assert(plain.ok && plain.args[0] === 'print' && plain.ret === null);
    const acknowledged = parseCall(stdoutAck, [1, ret]);
    assert(acknowledged.ok && acknowledged.ret === ret);
    assert(!parseCall(stdout, [1, 2]).ok);
    assert(!parseCall(stdoutAck, [1]).ok);
  });

  it('of any values is read or refused, never thrown at', () => {
    const value: fc.Arbitrary<Value> = fc.oneof(
      fc.constantFrom<Value>(
        null,
        true,
        ret,
        'pick',
        'none',
        'any',
        'to',
        10n ** 18n,
        tuple([]),
        set([1]),
        new Send(ret, [], false),
        bundle(3, true, true),
      ),
      fc.string(),
      fc.integer(),
      fc.constant(bytes(new Uint8Array(3))),
      fc.constant(list([null])),
      fc.constant(map([['a', 1]])),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 6 }), (message) => {
        const parsed = parseCall(probe, message);
        if (parsed.ok) {
          const trailing = [parsed.ret, parsed.err].filter((channel) => channel !== null).length;
          assert.equal(1 + parsed.args.length + trailing, message.length);
        } else {
          assert(parsed.message.length < 2_000);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a result', () => {
  it('is never an error, and an error always is', () => {
    const error = errorResult('file_not_found', 'there is nothing', 'file', 'read');
    assert(isErrorResult(error));
    for (const value of [null, 'error', list(['error', map([])]), tuple(['error']), map([])])
      assert(!isErrorResult(value));
    for (const { forms } of probe.methods.values()) {
      for (const form of forms) assert.notEqual(resultMismatch(form, error), null);
    }
  });

  it('that is not of its declared type is told apart', () => {
    const form = probe.methods.get('any')?.forms[0];
    assert(form !== undefined);
    assert.equal(resultMismatch(form, map([['a', 1]])), null);
    assert.match(String(resultMismatch(form, map([['a', 'b']]))), /each item of the result must be an integer/);
    assert.match(String(resultMismatch(form, map([[1, 1]]))), /each key/);
    assert.match(String(resultMismatch(form, new NewObject('file', null))), /but a channel came/);
  });
});
