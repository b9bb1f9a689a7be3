/** What is derived from declarations: the reference page and JSON Schema. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { SYSTEM_CHANNELS, argumentsSchema, jsonSchema, referencePage, t } from '../../channels/index.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { Resolvers } from '../../resolvers/index.ts';

const page = new URL('../../spec/reference/channels.md', import.meta.url);

describe('the reference page', () => {
  it('is fresh', () => {
    assert.equal(
      readFileSync(page, 'utf8'),
      referencePage(SYSTEM_CHANNELS),
      'run: npx tsx scripts/generate-channels.ts',
    );
  });

  it('names every method and every argument', () => {
    const text = readFileSync(page, 'utf8');
    for (const { name, kind, methods } of SYSTEM_CHANNELS) {
      for (const method of methods.values()) {
        assert(text.includes(kind === 'plain' ? `## ${name}\n` : `### ${name}.${method.name}\n`));
        for (const { args } of method.forms)
          for (const arg of args) assert(text.includes(`\`${arg.name}\`: `), arg.name);
      }
    }
  });

  it('has every declaration, and each has one that answers', () => {
    const folder = new URL('../../channels/', import.meta.url);
    const files = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8'));
    for (const { name } of SYSTEM_CHANNELS)
      assert(
        files.some((text) => text.includes(`export const ${name} = `)),
        `${name} is exported by no file of channels`,
      );
    const resolvers = new Resolvers({
      console: { stdout: async () => {}, stderr: async () => {}, readLine: async () => null },
      platform: realPlatform(),
      show: String,
    });
    // The dispatcher itself answers for the revoker, and for what every object can be asked.
    const answering = [...resolvers.natives.map(({ declaration }) => declaration.name), 'revoker'].sort();
    assert.deepEqual(answering, SYSTEM_CHANNELS.map(({ name }) => name).sort());
  });
});

describe('JSON Schema', () => {
  it('says the bounds of a type', () => {
    assert.deepEqual(jsonSchema(t.int({ min: 0, max: 9 })), { type: 'integer', minimum: 0, maximum: 9 });
    assert.deepEqual(jsonSchema(t.list(t.word('a', 'b'), { max: 2 })), {
      type: 'array',
      items: { type: 'string', enum: ['a', 'b'] },
      maxItems: 2,
    });
    assert.deepEqual(jsonSchema(t.either(t.nil, t.string({ max: 3 }))), {
      anyOf: [{ type: 'null' }, { type: 'string', maxLength: 3 }],
    });
    assert.deepEqual(jsonSchema(t.any), {});
  });

  it('of a form is one object', () => {
    const form = { args: [{ name: 'path', type: t.string(), doc: 'Where.' }], result: t.nil };
    assert.deepEqual(argumentsSchema(form), {
      type: 'object',
      properties: { path: { type: 'string', description: 'Where.' } },
      required: ['path'],
      additionalProperties: false,
    });
  });
});
