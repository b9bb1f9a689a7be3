/** An executable binary is neither read nor written, whole or in pieces; text and data are. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { bytes, type Value } from '../../src/values/index.ts';
import { grantFiles } from './host.ts';
import type { Granted } from './host.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** As linkers write it: a DOS header, and PE where it points to. */
function portable(sizes: Uint8Array, at = 0x80): Uint8Array {
  const file = Buffer.alloc(at + 24);
  file.write('MZ', 0, 'latin1');
  file.set(sizes, 2);
  file.writeUInt32LE(at, 60);
  file.write('PE\0\0', at, 'latin1');
  return file;
}

const BINARIES: readonly (readonly [string, Uint8Array])[] = [
  ['ELF', Uint8Array.from(readFileSync(process.execPath).subarray(0, 4096))],
  ['Mach-O of 32 bits', hex('feedface 0000000c')],
  ['Mach-O of 64 bits', hex('feedfacf 01000007')],
  ['Mach-O of 32 bits, swapped', hex('cefaedfe 0c000000')],
  ['Mach-O of 64 bits, swapped', hex('cffaedfe 07000001')],
  ['fat Mach-O', hex('cafebabe 00000002')],
  ['fat Mach-O of 64 bits', hex('cafebabf 00000002')],
  ['fat Mach-O, swapped', hex('bebafeca 02000000')],
  ['Java class', hex('cafebabe 00000041')],
  ['PE', portable(hex('9000 0300'))],
  // What a loader of Windows does not look at may be anything.
  ['PE with sizes that are none', portable(hex('ffff ffff'))],
  ['MZ alone', Buffer.concat([hex('4d5a 9000 0300 0000 0400'), Buffer.alloc(100, 1)])],
];

const HARMLESS: readonly (readonly [string, string | Uint8Array])[] = [
  ['text that begins with MZ', `MZ is how a program of DOS begins. ${'More text. '.repeat(40)}PE`],
  ['a short text that begins with MZ', 'MZ'],
  ['a script', '#!/bin/sh\necho hello\n'],
  ['text that speaks of ELF', '.ELF\x7f'],
  ['MZ that points past the end', Buffer.concat([hex('4d5affffffff'), Buffer.alloc(54, 255), hex('00100000')])],
  ['nothing', ''],
];

describe('executable binaries', () => {
  let granted: Granted;
  beforeEach(async () => {
    granted = await grantFiles();
  });
  afterEach(() => granted.close());

  const at = (name: string): string => join(granted.directory, name);

  for (const [name, content] of BINARIES) {
    it(`${name}: no part is read, none is written, and it may be removed`, async () => {
      writeFileSync(at('tool'), content);
      const file = await granted.file('tool');
      const calls: readonly (readonly [string, ...Value[]])[] = [
        ['readAll'],
        ['read', 1],
        ['readAt', 4, 2],
        ['readAt', content.length, 1],
        ['chunks', 4],
        ['append', 'x'],
        ['append', ''],
        ['writeAt', content.length + 1, 'x'],
        ['truncate', content.length - 1],
      ];
      for (const [method, ...args] of calls)
        assert.match(await file.refusal(method, ...args), /^binary_refused: "tool" is an executable binary/, method);
      assert.deepEqual(Uint8Array.from(readFileSync(at('tool'))), Uint8Array.from(content));
      assert.match(await (await granted.file('new')).refusal('write', bytes(content)), /^binary_refused/);
      assert.match(await (await granted.file('new')).refusal('append', bytes(content)), /^binary_refused/);
      await file.call('write', 'a text instead');
      assert.equal(await file.call('readAll', 'utf8'), 'a text instead');
    });

    it(`${name}: does not arise from pieces`, async () => {
      for (const order of [true, false]) {
        await granted.root.answer('remove', 'pieces');
        const file = await granted.file('pieces');
        const pieces: (readonly [number, Uint8Array])[] = [];
        for (let start = 0; start < Math.min(content.length, 256); start += 2)
          pieces.push([start, Uint8Array.from(content.subarray(start, start + 2))]);
        if (!order) pieces.reverse();
        let refused = '';
        for (const [offset, piece] of pieces) {
          const answer = await file.answer('writeAt', offset, bytes(piece));
          if ('error' in answer) {
            refused = answer.error.code;
            break;
          }
        }
        assert.equal(refused, 'binary_refused', order ? 'from its head' : 'from its end');
      }
    });
  }

  it('zeros that a truncation brings can be what was missing', async () => {
    const whole = portable(hex('ffff ffff'));
    const file = await granted.file('cut');
    await file.call('write', bytes(whole.slice(0, 0x82)));
    assert.match(await file.refusal('truncate', 0x84), /^binary_refused/);
    assert.match(await file.refusal('writeAt', 0x83, bytes(hex('00'))), /^binary_refused/);
    await file.call('truncate', 0x83);
  });

  for (const [name, content] of HARMLESS) {
    it(`${name} is none`, async () => {
      const file = await granted.file('data');
      const value = typeof content === 'string' ? content : bytes(Uint8Array.from(content));
      await file.call('write', value);
      await file.call('append', '.');
      await file.call('readAll');
    });
  }

  it('no text of at least one printable line is taken for one', async () => {
    const file = await granted.file('text');
    const printable = fc.string({ unit: fc.constantFrom(...'MZPENLX aä€\n\t.'), maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(printable, async (text) => {
        await file.call('write', `MZ${text}`);
        assert.equal(await file.call('readAll', 'utf8'), `MZ${text}`);
      }),
      { numRuns: 100 },
    );
  });
});
