import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Unpackr, addExtension } from 'msgpackr';
import {
  BigInteger,
  Bundle,
  Conjunction,
  Decoder,
  Encoder,
  Float,
  List,
  MapValue,
  Par,
  SetValue,
  Wildcard,
  bytes,
  compare,
  decodeValue,
  encodeValue,
  equal,
  float,
  keepBytes,
  KEPT_DEPTH_MAX,
  keptBytes,
  list,
  map,
  set,
  tuple,
  uri,
} from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { isPowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { alikeValue, anyName, anyText, anyValue, nested, readName } from './arbitrary.ts';

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

function refuses(bytes: Uint8Array, reason: RegExp): void {
  assert.throws(
    () => decodeValue(bytes, readName),
    (error) => isPowerboxError(error) && error.code === 'value_not_canonical' && reason.test(error.message),
    `${hex(bytes.subarray(0, 40))} for ${reason}`,
  );
}

function refusesToSkip(bytes: Uint8Array): void {
  assert.throws(() => new Decoder(bytes, readName).skip(), { code: 'value_not_canonical' }, hex(bytes.subarray(0, 40)));
}

/** Accepted bytes are exactly those that the encoder writes. */
function acceptedOnlyIfCanonical(bytes: Uint8Array): boolean {
  let value: Value;
  try {
    value = decodeValue(bytes, readName);
  } catch (error) {
    assert.ok(isPowerboxError(error) && error.code === 'value_not_canonical', String(error));
    return false;
  }
  assert.equal(hex(encodeValue(value)), hex(bytes));
  return true;
}

describe('canonical bytes', () => {
  it('decode to the value that was encoded', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = encodeValue(value);
        const decoded = decodeValue(bytes, readName);
        assert.ok(equal(value, decoded));
        assert.equal(hex(encodeValue(decoded)), hex(bytes));
      }),
      { numRuns: 3_000 },
    );
  });

  it('are equal exactly for equal values', () => {
    fc.assert(
      fc.property(fc.oneof(alikeValue, anyValue), fc.oneof(alikeValue, anyValue), (a, b) => {
        assert.equal(hex(encodeValue(a)) === hex(encodeValue(b)), equal(a, b));
      }),
      { numRuns: 2_000 },
    );
  });

  it('are one MessagePack object that a general reader accepts', () => {
    const seen = new Set<number>();
    for (const type of [1, 2, 3, 4]) addExtension({ type, unpack: () => seen.add(type) });
    const reader = new Unpackr({ useRecords: false, mapsAsObjects: false, int64AsType: 'bigint' });
    fc.assert(fc.property(anyValue, (value) => void reader.unpack(encodeValue(value))));
    assert.equal(seen.size, 4);
  });

  it('when changed anywhere, are refused or mean exactly what they say', () => {
    let refused = 0;
    fc.assert(
      fc.property(
        fc.oneof(alikeValue, anyValue),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 }),
        (value, edits) => {
          const bytes = encodeValue(value);
          for (const [at, byte] of edits) bytes[at % Math.min(bytes.length, 400)] = byte;
          if (!acceptedOnlyIfCanonical(bytes)) refused++;
        },
      ),
      { numRuns: 5_000 },
    );
    assert.ok(refused > 500);
  });

  it('with a bit flipped, a byte inserted or a byte removed are refused or mean exactly what they say', () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.nat({ max: 255 }), (value, place, byte) => {
        const bytes = encodeValue(value);
        const at = place % bytes.length;
        const flipped = bytes.slice();
        flipped[at] = (flipped[at] as number) ^ (1 << (byte & 7));
        acceptedOnlyIfCanonical(flipped);
        acceptedOnlyIfCanonical(
          Uint8Array.of(...bytes.subarray(0, Math.min(at, 300)), byte, ...bytes.subarray(at, at + 300)),
        );
        acceptedOnlyIfCanonical(
          Uint8Array.of(...bytes.subarray(0, Math.min(at, 300)), ...bytes.subarray(at + 1, at + 300)),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('of random bytes are refused or mean exactly what they say', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void acceptedOnlyIfCanonical(bytes)),
      { numRuns: 5_000 },
    );
    const heads = fc.constantFrom(
      0x81,
      0x92,
      0x93,
      0x94,
      0xd4,
      0x04,
      9,
      10,
      13,
      20,
      21,
      24,
      27,
      72,
      74,
      75,
      0xa1,
      0x61,
      0xc0,
      0xc2,
      0,
      1,
    );
    fc.assert(
      fc.property(fc.array(heads, { maxLength: 24 }), (bytes) => void acceptedOnlyIfCanonical(Uint8Array.from(bytes))),
      { numRuns: 10_000 },
    );
  });

  it('are refused when cut short or followed by more', () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), (value, place) => {
        const bytes = encodeValue(value);
        refuses(bytes.subarray(0, place % bytes.length), /truncated/);
        refuses(
          Uint8Array.from([...bytes.subarray(0, 2_000), 0xc0]),
          bytes.length <= 2_000 ? /trailing|truncated/ : /./,
        );
      }),
    );
  });

  it('are refused for each rule that they break, with its reason', () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['', /truncated/],
      ['93 d404 0a', /truncated/],
      ['92 d404', /truncated/],
      ['93 d4040a 02 01', /set items out of order/],
      ['93 d4040a 01 01', /set items out of order or twice/],
      ['82 a162 01 a161 01', /map keys out of order/],
      ['82 a161 01 a161 02', /map keys out of order or twice/],
      ['cc7f', /Int not in its shortest/],
      ['cd00ff', /Int not in its shortest/],
      ['ce0000ffff', /Int not in its shortest/],
      ['cf00000000ffffffff', /Int not in its shortest/],
      ['d0e0', /Int not in its shortest/],
      ['d005', /Int not in its shortest/],
      ['d1ff80', /Int not in its shortest/],
      ['d2ffff8000', /Int not in its shortest/],
      ['d3ffffffff80000000', /Int not in its shortest/],
      ['d30000000100000000', /Int not in its shortest/],
      ['cf8000000000000000', /beyond 64 bits/],
      ['d90161', /length not in its shortest/],
      ['da0001 61', /length not in its shortest/],
      ['db00000001 61', /length not in its shortest/],
      ['c50001 00', /length not in its shortest/],
      ['dc0000', /length not in its shortest/],
      ['dd00000001 c0', /length not in its shortest/],
      ['de0000', /length not in its shortest/],
      ['df00000000', /length not in its shortest/],
      ['c70101 05', /extension not in its shortest/],
      ['c8000101 05', /length not in its shortest/],
      ['a1ff', /UTF-8/],
      ['a2c080', /UTF-8/],
      ['a3eda080', /UTF-8/],
      ['a4f4908080', /UTF-8/],
      ['c70302 eda080', /UTF-8/],
      ['ca3f800000', /starts no value/],
      ['c1', /starts no value/],
      ['cb7ff8000000000001', /another NaN/],
      ['cbfff8000000000000', /another NaN/],
      ['cb8000000000000000', /-0/],
      ['d50100 7f', /BigInt not in its shortest/],
      ['d501ff80', /BigInt not in its shortest/],
      ['c70001', /BigInt without bytes/],
      ['d40300', /name of 1 bytes/],
      ['d40500', /unknown extension type 5/],
      ['d40600', /unknown extension type 6/],
      ['d40700', /unknown extension type 7/],
      ['d4ff00', /unknown extension type 255/],
      ['d4040a', /marker that is not the first/],
      ['92 01 d4040a', /marker that is not the first/],
      ['91 d40408', /no node has the tag 8/],
      ['91 d40463', /no node has the tag 99/],
      ['92 d4041b 01', /two parts or more/],
      ['93 d4041b 01 c0', /holds nil/],
      ['93 d4041b 02 01', /out of order/],
      ['93 d4041b 01 93 d4041b 01 02', /holds nil or another/],
      ['94 d4040d 94 d4040d 01 c3 c3 c3 c3', /bundle directly in a bundle/],
      ['92 d40448 01', /remainder is a wildcard or a variable/],
      ['92 d40448 c0', /remainder is a wildcard or a variable/],
      ['91 d40448', /remainder is a wildcard or a variable/],
      ['94 d40414 01 02 c3', /a send is/],
      ['92 d40416 00', /a new is/],
      ['93 d40416 00 c0', /a new is/],
      ['93 d40418 a3666f6f 01', /starts with its operator/],
      ['93 d40418 a12b 01', /number of operands/],
      ['92 d40422 a3466f6f', /one of the known words/],
      ['92 d40423 01', /two parts or more/],
      ['93 d40415 c2 c0', /a receive is/],
      ['94 d40415 c2 c0 94 01 00 c2 01', /a bind is/],
      ['94 d40415 c2 c0 94 01 ff c2 c0', /a bind is/],
    ];
    for (const [bytes, reason] of cases) refuses(fromHex(bytes), reason);
  });

  it('take a set whose items trade places for no set', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { minLength: 2, maxLength: 5 }), fc.nat(), (items, place) => {
        const value = set(items);
        fc.pre(value.items.length >= 2);
        const at = place % (value.items.length - 1);
        const swapped = [...value.items];
        [swapped[at], swapped[at + 1]] = [swapped[at + 1] as Value, swapped[at] as Value];
        refuses(encodeValue(new SetValue(swapped)), /out of order/);
        refuses(encodeValue(new MapValue(swapped, swapped)), /out of order/);
        refuses(encodeValue(new Par(swapped)), /./);
      }),
    );
  });

  it('refuse what breaks an invariant of the data model on the way in and on the way out', () => {
    refuses(encodeValue(new Bundle(new Bundle(1, true, true), true, true)), /bundle directly in a bundle/);
    refuses(encodeValue(new Conjunction([1])), /two parts or more/);
    assert.equal(hex(encodeValue(new Float(-0))), 'cb0000000000000000');
    for (const n of [0, 5, -1, 300, -(2 ** 31), 2 ** 32, 2 ** 53 - 1])
      assert.equal(hex(encodeValue(BigInt(n))), hex(encodeValue(n)));
    for (const wrong of [0.5, Number.NaN, 2 ** 53, 2n ** 63n, -(2n ** 63n) - 1n, '\ud800', uri('ok').text + '\udc00']) {
      assert.throws(
        () => encodeValue(wrong),
        (error) => isPowerboxError(error) && error.code === 'value_unsupported',
        String(wrong),
      );
    }
  });

  it('hold any depth up to the bound, and refuse what is deeper, on both ways', function () {
    this.timeout(300_000);
    const deep = nested(150_000);
    const bytes = encodeValue(deep);
    assert.ok(equal(decodeValue(bytes, readName), deep));
    const most = new Uint8Array(limits.value_depth_max + 1).fill(0x91);
    most[limits.value_depth_max] = 0;
    const tower = decodeValue(most, readName);
    assert.ok(Buffer.from(encodeValue(tower)).equals(most));
    const tooDeep = new Uint8Array(most.length + 1).fill(0x91);
    tooDeep[most.length] = 0;
    refuses(tooDeep, /nested deeper than/);
    assert.throws(
      () => encodeValue(new List([tower])),
      (error) => isPowerboxError(error) && error.code === 'value_too_large',
    );
  });

  it('end, by their heads alone, where their reading ends; cut short, nowhere', () => {
    fc.assert(
      fc.property(anyValue, fc.uint8Array(), fc.nat(), (value, after, cut) => {
        const bytes = encodeValue(value);
        const decoder = new Decoder(new Uint8Array([...bytes, ...after]), readName);
        decoder.skip();
        assert.equal(decoder.offset, bytes.length);
        refusesToSkip(bytes.subarray(0, cut % bytes.length));
      }),
      { numRuns: 700 },
    );
    // Each form that is longer than a head, whatever it holds.
    for (const [text, length] of [
      ['c4 02 aa bb', 4],
      [`c5 0101 ${'00'.repeat(257)}`, 260],
      [`c6 00010000 ${'00'.repeat(65_536)}`, 65_541],
      ['c7 03 02 61 62 63', 6],
      ['cb 3ff0000000000000', 9],
      ['cc ff', 2],
      ['cd ffff', 3],
      ['ce ffffffff', 5],
      ['cf 0000000100000000', 9],
      ['d0 80', 2],
      ['d1 8000', 3],
      ['d2 80000000', 5],
      ['d3 8000000000000000', 9],
      ['d4 02 61', 3],
      ['d5 02 6161', 4],
      ['d6 02 61616161', 6],
      ['d7 02 6161616161616161', 10],
      [`d8 02 ${'61'.repeat(16)}`, 18],
      [`d9 20 ${'61'.repeat(32)}`, 34],
      ['82 01 02 03 c0', 5],
      [`dc 0010 ${'c0'.repeat(16)}`, 19],
      [`de 0010 ${'c0'.repeat(32)}`, 35],
    ] as const) {
      const decoder = new Decoder(fromHex(text), readName);
      decoder.skip();
      assert.equal(decoder.offset, length, text);
      refusesToSkip(fromHex(text).subarray(0, length - 1));
    }
    for (const head of [0xc1, 0xca]) refusesToSkip(new Uint8Array([head, 0, 0, 0, 0, 0]));
    // A claim is no more than that.
    refusesToSkip(fromHex('df ffffffff c0'));
    refusesToSkip(fromHex('c6 ffffffff c0'));
  });

  it('that claim more than they hold reserve no memory for the claim', () => {
    const claims = new Uint8Array(100_000);
    for (let at = 0; at + 5 <= claims.length; at += 5) claims.set([0xdd, 0x00, 0x01, 0x00, 0x00], at);
    const before = process.memoryUsage().heapUsed;
    refuses(claims, /./);
    assert.ok(process.memoryUsage().heapUsed - before < 64 * 1024 * 1024);
  });
});

describe('the streaming codec', () => {
  it('reads back every field in the order in which it was written', () => {
    const field = fc.oneof(
      fc.record({ type: fc.constant('uint' as const), it: fc.maxSafeInteger().map(Math.abs) }),
      fc.record({ type: fc.constant('string' as const), it: anyText }),
      fc.record({ type: fc.constant('boolean' as const), it: fc.boolean() }),
      fc.record({ type: fc.constant('bytes' as const), it: fc.uint8Array({ maxLength: 300 }) }),
      fc.record({ type: fc.constant('value' as const), it: anyValue }),
    );
    const encoder = new Encoder(16);
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        encoder.reset();
        for (const each of fields) {
          if (each.type === 'uint') encoder.uint(each.it);
          else if (each.type === 'string') encoder.string(each.it);
          else if (each.type === 'boolean') encoder.boolean(each.it);
          else if (each.type === 'bytes') encoder.bytes(each.it);
          else encoder.value(each.it);
        }
        const bytes = encoder.finish();
        assert.equal(bytes.length, encoder.length);
        const decoder = new Decoder(Uint8Array.from([1, 2, 3, ...bytes]).subarray(1), readName, 2);
        for (const each of fields) {
          assert.equal(decoder.atEnd, false);
          if (each.type === 'uint') assert.equal(decoder.uint(), each.it);
          else if (each.type === 'string') assert.equal(decoder.string(), each.it);
          else if (each.type === 'boolean') assert.equal(decoder.boolean(), each.it);
          else if (each.type === 'bytes') assert.deepEqual([...decoder.bytes()], [...each.it]);
          else assert.ok(equal(decoder.value(), each.it));
        }
        assert.equal(decoder.offset, bytes.length + 2);
        assert.ok(decoder.atEnd);
        decoder.end();
      }),
    );
  });

  it('refuses a field of another type and reads nothing of it', () => {
    const types = ['uint', 'string', 'boolean', 'bytes'] as const;
    const samples: readonly Value[] = [null, true, -1, 2n ** 60n, 'text', list([1]), map([]), tuple([1])];
    for (const sample of samples) {
      for (const type of types) {
        const decoder = new Decoder(encodeValue(sample), readName);
        const fits = typeof sample === type;
        if (fits) assert.equal(decoder[type](), sample);
        else assert.throws(() => decoder[type](), /expected/);
        if (!fits) assert.equal(decoder.offset, 0);
      }
    }
    assert.throws(() => new Decoder(new Uint8Array(0), readName).uint(), /truncated/);
    assert.throws(() => new Encoder().uint(-1), /64 bits/);
    assert.throws(() => new Encoder().uint(1.5), /64 bits/);
  });

  it('hands out copies, so that a reused buffer changes nothing that was read', () => {
    fc.assert(
      fc.property(anyName, fc.uint8Array({ minLength: 1 }), (name, payload) => {
        const encoder = new Encoder();
        encoder.value(name);
        encoder.bytes(payload);
        const input = encoder.finish();
        encoder.reset();
        encoder.raw(new Uint8Array(input.length));
        const decoder = new Decoder(input, readName);
        const read = decoder.value();
        const bytes = decoder.bytes();
        input.fill(0);
        assert.ok(equal(read, name));
        assert.deepEqual([...bytes], [...payload]);
      }),
    );
  });

  it('never changes what it has handed out, whether it goes on or starts again', () => {
    const step = fc.record({ value: anyValue, restart: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 16, max: 20_000 }), (steps, capacity) => {
        const encoder = new Encoder(capacity);
        const handedOut: { readonly bytes: Uint8Array; readonly expected: string }[] = [];
        let written = '';
        for (const { value, restart } of steps) {
          if (restart) {
            encoder.reset();
            written = '';
          }
          encoder.value(value);
          written += hex(encodeValue(value));
          handedOut.push({ bytes: encoder.finish(), expected: written });
        }
        for (const { bytes, expected } of handedOut) assert.equal(hex(bytes), expected);
      }),
    );
  });

  it('is itself again after an error', () => {
    const encoder = new Encoder();
    assert.throws(() => encoder.value(list([1, set([2, '\ud800'])])));
    encoder.reset();
    encoder.value(list([1], Wildcard.the));
    assert.equal(compare(decodeValue(encoder.finish(), readName), list([1], Wildcard.the)), 0);
  });

  it('of a map whose bytes are kept are the same, wherever it stands; of what is written in one way they are kept', () => {
    const { item } = fc.letrec<{ item: Value }>((tie) => ({
      item: fc.oneof(
        { maxDepth: 4 },
        anyText,
        fc.integer(),
        fc.bigInt().map((n) => new BigInteger(n)),
        fc.double().map(float),
        fc.constantFrom(null, true, false),
        fc.array(tie('item'), { maxLength: 3 }).map((items) => list(items)),
        fc.dictionary(anyText, tie('item'), { maxKeys: 3 }).map((fields) => map(Object.entries(fields))),
      ),
    }));
    const anyFields = fc.dictionary(anyText, item, { maxKeys: 8 });
    fc.assert(
      fc.property(anyFields, fc.constantFrom(0, 3, 250), (fields, depth) => {
        const plain = map(Object.entries(fields));
        const kept = map(Object.entries(fields));
        keepBytes(kept);
        assert.equal(hex(keptBytes(kept) ?? new Uint8Array()), hex(encodeValue(plain)));
        const around = (inner: Value): Value => {
          let value: Value = tuple([7, inner, 'after']);
          for (let level = 0; level < depth; level++) value = list([value]);
          return value;
        };
        assert.equal(hex(encodeValue(around(kept))), hex(encodeValue(around(plain))));
      }),
    );
    const within = (levels: number): Value => (levels === 0 ? 'deep' : list([within(levels - 1)]));
    const plain = map([['key', within(KEPT_DEPTH_MAX - 1)]]);
    keepBytes(plain);
    assert.notEqual(keptBytes(plain), undefined);
    const name = readName(new Uint8Array(32));
    for (const item of [bytes(new Uint8Array(3)), name, list([1], Wildcard.the), within(KEPT_DEPTH_MAX - 1)]) {
      const other = map([['key', list([item])]]);
      keepBytes(other);
      assert.equal(keptBytes(other), undefined);
    }
  });
});
