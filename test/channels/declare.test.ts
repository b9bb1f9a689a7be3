/** A declaration stands only when each call has one reading. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { declareChannel, declarePlain, t } from '../../channels/index.ts';
import type { Form, MethodSource, Type } from '../../channels/index.ts';

function form(...types: readonly Type[]): Form {
  return { args: types.map((type, index) => ({ name: `a${index}`, type })), result: t.nil };
}

function declare(...forms: readonly Form[]): void {
  declareChannel({ name: 'probe', doc: 'A probe.', methods: { m: { doc: 'x', effect: 'none', forms } } });
}

const invalid = { code: 'declaration_invalid' };

describe('a declaration', () => {
  it('stands when number or types tell its forms apart', () => {
    declare(form(), form(t.string()), form(t.int()), form(t.int(), t.int()), form(t.string(), t.int()));
    declare(form(t.either(t.string(), t.bytes())), form(t.int()));
  });

  it('is refused when two forms could be one call', () => {
    assert.throws(() => declare(form(t.string()), form(t.string())), invalid);
    assert.throws(() => declare(form(t.string(), t.any), form(t.any, t.int())), invalid);
    assert.throws(() => declare(form(t.string({ max: 3 })), form(t.string({ min: 4 }))), invalid);
    assert.throws(() => declare(form(t.either(t.int(), t.nil)), form(t.either(t.nil, t.bool))), invalid);
  });

  it('is refused when a trailing name could be an argument', () => {
    assert.throws(() => declare(form(), form(t.name)), invalid);
    assert.throws(() => declare(form(), form(t.any)), invalid);
    assert.throws(() => declare(form(t.int()), form(t.int(), t.name, t.name)), invalid);
    declare(form(), form(t.name, t.name, t.name));
    declare(form(t.name));
  });

  it('is refused where a change has no recovery, or something else has one', () => {
    const bad = (source: object): void => {
      declareChannel({
        name: 'probe',
        doc: 'x',
        methods: { m: { doc: 'x', forms: [form()], ...source } as unknown as MethodSource },
      });
    };
    assert.throws(() => bad({ effect: 'change' }), invalid);
    assert.throws(() => bad({ effect: 'observe', recovery: 'ask' }), invalid);
    bad({ effect: 'change', recovery: 'none' });
    bad({ effect: 'change', recovery: 'none', lane: 'in' });
    assert.throws(() => bad({ effect: 'observe', lane: 'in out' }), invalid);
  });

  it('is refused when a result could be taken for an error, or a name or text is missing', () => {
    assert.throws(() => declare({ args: [], result: t.any }), invalid);
    assert.throws(() => declare({ args: [], result: t.either(t.nil, t.tuple) }), invalid);
    assert.throws(() => declareChannel({ name: 'Probe', doc: 'x', methods: {} }), invalid);
    assert.throws(() => declareChannel({ name: 'probe', doc: 'x', methods: {} }), invalid);
    assert.throws(
      () => declareChannel({ name: 'probe', doc: 'x', methods: { m: { doc: ' ', effect: 'none', forms: [form()] } } }),
      invalid,
    );
    assert.throws(
      () => declareChannel({ name: 'probe', doc: 'x', methods: { m: { doc: 'x', effect: 'none', forms: [] } } }),
      invalid,
    );
  });

  it('of a plain channel has one form', () => {
    const plain = declarePlain({
      name: 'probe',
      doc: 'x',
      effect: 'none',
      args: [{ name: 'value', type: t.any }],
      result: t.nil,
      replies: true,
    });
    assert.deepEqual([...plain.methods.keys()], ['send']);
  });

  it('stands exactly when no list of kinds has two readings', () => {
    const kinds: readonly Type[] = [t.nil, t.int(), t.string(), t.name];
    const type = fc.constantFrom(...kinds, t.any, t.either(t.int(), t.string()), t.either(t.name, t.nil));
    const forms = fc.array(fc.array(type, { maxLength: 2 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(forms, (lists) => {
        const readings = lists.flatMap((list) => [list, [...list, t.name], [...list, t.name, t.name]]);
        const twice = readings.some((one, index) =>
          readings.some(
            (other, at) =>
              at > index &&
              one.length === other.length &&
              one.every((left, place) =>
                kinds.some(({ mask }) => (mask & left.mask & (other[place] as Type).mask) !== 0),
              ),
          ),
        );
        let stands = true;
        try {
          declare(...lists.map((list) => form(...list)));
        } catch {
          stands = false;
        }
        assert.equal(stands, !twice);
      }),
      { numRuns: 500 },
    );
  });
});
