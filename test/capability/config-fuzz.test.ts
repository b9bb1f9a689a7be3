/** Whatever stands in a configuration, reading it ends with a configuration or with mistakes at places of the text. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import {
  type ConfigurationRead,
  mistakeLine,
  readConfigurationFile,
  readConfigurationObject,
} from '../../src/capability/index.ts';

const PAGES = ['../../spec/config.md', '../../spec/config/misspelt.yaml', '../../spec/config/misgranted.yaml'];
const TEXTS = PAGES.map((page) => readFileSync(fileURLToPath(new URL(page, import.meta.url)), 'utf8')).map(
  (text) => /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? text,
);
const CANARY = 'canary-9d2e';

function surroundings(text: string): Parameters<typeof readConfigurationFile>[1] {
  return {
    resolve: (path) => `/c/${path}`,
    readFile: (path) => (path === '/c/powerbox.yaml' ? { text } : { problem: 'missing' }),
    variable: () => CANARY,
    contractFaults: () => [],
  };
}

function requireTold({ configuration, mistakes }: ConfigurationRead, text: string | null): void {
  assert.equal(configuration === null, mistakes.length > 0);
  const lines = text === null ? 0 : text.split('\n').length;
  for (const mistake of mistakes) {
    if (text !== null)
      assert.ok(mistake.line >= 1 && mistake.line <= lines && mistake.column >= 1, JSON.stringify(mistake));
    assert.notEqual(mistake.expected, '');
    // A line for a person is one line, and has no secret in it.
    const line = mistakeLine('c', mistake);
    assert.ok([...line].every((letter) => letter >= ' ') && !line.includes(CANARY), JSON.stringify(line));
  }
}

describe('a configuration that anything may stand in', () => {
  it('is read, or refused with mistakes at its places, when pieces of it are cut, doubled, swapped or replaced', () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 8, unit: 'binary' }),
      fc.constantFrom(
        '\n',
        '  ',
        '- ',
        ': ',
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '&a ',
        '*a',
        '!!x ',
        '---',
        '#',
        '|',
        '? ',
        '${env:X}',
        '\t',
        '\0',
      ),
    );
    const edit = fc.record({ at: fc.nat(4_000), cut: fc.nat(12), piece });
    fc.assert(
      fc.property(fc.constantFrom(...TEXTS), fc.array(edit, { minLength: 1, maxLength: 4 }), (text, edits) => {
        let edited = text;
        for (const { at, cut, piece: put } of edits) {
          const place = at % (edited.length + 1);
          edited = edited.slice(0, place) + put + edited.slice(place + cut);
        }
        requireTold(readConfigurationFile('/c/powerbox.yaml', surroundings(edited)), edited);
      }),
      { numRuns: 400 },
    );
  });

  it('is read, or refused with mistakes, when it is an object of any shape', () => {
    const known = [
      'version',
      'powers',
      'holders',
      'grants',
      'kind',
      'files',
      'http',
      'origins',
      'peers',
      'documents',
      'a',
    ];
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 6 },
        fc.constantFrom<unknown>(1, 0, -1, '', 'files', 'a/b', null, true, 2.5, '${env:X}', CANARY.slice(0, 3)),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...known, 'constructor', 'toString'), tie('any'), { maxKeys: 4 }),
      ),
    })).any;
    fc.assert(
      fc.property(value, (source) => {
        const whole =
          typeof source === 'object' && source !== null && !Array.isArray(source) ? { version: 1, ...source } : source;
        requireTold(readConfigurationObject(whole, surroundings('')), null);
      }),
      { numRuns: 1_000, examples: [[{ peers: { toString: [{ version: 'can' }] } }]] },
    );
  });
});
