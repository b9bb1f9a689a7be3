/** JSON into values: what is read is what was written, and nothing is read that is not JSON, as bytes or as text. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseJson } from '../../resolvers/http/json.ts';
import { equal, list, map } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';

type Json = null | boolean | number | string | Json[] | { readonly [key: string]: Json };

const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.string({ unit: 'binary' }),
    fc.array(tie('json'), { maxLength: 20 }),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('json'), { maxKeys: 20 }),
  ),
}));

function asValue(json: Json): Value {
  if (json === null || typeof json !== 'object') return Object.is(json, -0) ? 0 : json;
  if (Array.isArray(json)) return list(json.map(asValue));
  return map(Object.entries(json).map(([key, item]) => [key, asValue(item)] as const));
}

/** Every sign beyond ASCII as an escape. */
function inAscii(text: string): string {
  return text.replaceAll(/[\u007f-\uffff]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function read(text: string): Value {
  const read = parseJson(text, null);
  assert('value' in read, 'fault' in read ? read.fault : '');
  return read.value;
}

const indent = fc.constantFrom(undefined, 1, '\t', ' \r\n');

describe('http: JSON', () => {
  it('is read as it was written, whatever stands between', () => {
    fc.assert(
      fc.property(json, indent, (written, indent) => {
        const text = JSON.stringify(written, null, indent);
        assert(equal(read(text), asValue(written)));
        assert(equal(read(inAscii(text)), asValue(written)));
      }),
    );
  });

  it('is read in one way, by its bytes and by its text, and never where it is none', () => {
    const signs = fc.constantFrom(...'{}[]",:0123456789.eE+-\\/ \t\n\r\u0000\u001f\u007ftrufalsn');
    const changed = fc.tuple(json, indent, fc.nat(), fc.nat(2), fc.string({ unit: signs, maxLength: 3 }));
    fc.assert(
      fc.property(changed, ([written, indent, place, taken, put]) => {
        const text = inAscii(JSON.stringify(written, null, indent));
        const at = place % (text.length + 1);
        const given = text.slice(0, at) + put + text.slice(at + taken);
        const fromText = parseJson(given, null);
        const fromBytes = parseJson(given, Buffer.from(given, 'latin1'));
        if ('fault' in fromText) assert.deepEqual(fromBytes, fromText);
        else {
          assert('value' in fromBytes && equal(fromBytes.value, fromText.value));
          // Throws where it is none.
          JSON.parse(given);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('a number has one end: at a sign, at a space, or with the text', () => {
    for (const digits of ['0', '7', '10', '999999999999999', '1000000000000000', '9007199254740991']) {
      for (const [text, expected] of [
        [digits, Number(digits)],
        [`${digits} `, Number(digits)],
        [`[${digits}]`, list([Number(digits)])],
        [`[${digits} ,${digits}]`, list([Number(digits), Number(digits)])],
        [`{"a":${digits}}`, map([['a', Number(digits)]])],
      ] as const) {
        assert(equal(read(text), expected), text);
      }
      for (const text of [
        `0${digits}`,
        `[0${digits}]`,
        `[${digits}a]`,
        `[${digits}`,
        `${digits}${digits} 1`,
        `-`,
        `[-]`,
      ])
        assert('fault' in parseJson(text, Buffer.from(text)), text);
    }
  });
});
