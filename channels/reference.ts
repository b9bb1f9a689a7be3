/** The reference page of system channels, from their declarations alone: what it says is what is checked. */
import type { ChannelDeclaration, Form, Method } from './declare.ts';
import { UNIVERSAL_METHODS } from './declare.ts';
import { describe } from './types.ts';

export function referencePage(declarations: readonly ChannelDeclaration[]): string {
  const head = [
    '# System channels',
    '',
    'Made from the declarations in `channels/` by `scripts/generate-channels.ts`; do not edit it by hand. What calls,',
    'effects, recovery and errors are is said in [channels](../channels.md).',
  ];
  return `${[...head, ...universalSection(), ...declarations.flatMap(channelSection)].join('\n')}\n`;
}

/** Once for all channels: their methods are everybody's. */
function universalSection(): string[] {
  const every = { name: 'object', kind: 'methods' as const, doc: '', methods: UNIVERSAL_METHODS, replies: true };
  return [
    '',
    '## Every object',
    '',
    'What follows can be asked of every channel with methods. It answers a channel to the same object that can do less;',
    'what comes out of that one can do no more than it. See [capabilities](../capabilities.md).',
    ...[...UNIVERSAL_METHODS.values()].flatMap((method) => methodSection(every, method)),
  ];
}

function channelSection(declaration: ChannelDeclaration): string[] {
  return [
    '',
    `## ${declaration.name}`,
    '',
    declaration.doc,
    ...[...declaration.methods.values()].flatMap((method) => methodSection(declaration, method)),
  ];
}

function methodSection(declaration: ChannelDeclaration, method: Method): string[] {
  const plain = declaration.kind === 'plain';
  const recovery = method.recovery === null ? '' : `, recovery \`${method.recovery}\``;
  return [
    ...(plain ? [] : ['', `### ${declaration.name}.${method.name}`, '', method.doc]),
    '',
    `Effect \`${method.effect}\`${recovery}.`,
    '',
    '```text',
    ...method.forms.map((form) => callLine(declaration, method, form)),
    '```',
    '',
    ...method.forms.flatMap((form) => formLines(declaration, method, form)),
  ];
}

function callLine(declaration: ChannelDeclaration, method: Method, form: Form): string {
  const args = form.args.map(({ name }) => name);
  if (declaration.kind === 'plain')
    return `${declaration.name}!(${[...args, ...(declaration.replies ? ['*ret'] : [])].join(', ')})`;
  return `${declaration.name}!("${method.name}"${args.map((arg) => `, ${arg}`).join('')}, *ret)`;
}

function formLines(declaration: ChannelDeclaration, method: Method, form: Form): string[] {
  const doc = form.doc === undefined ? '' : ` ${form.doc}`;
  const several =
    method.forms.length > 1
      ? `\`${callLine(declaration, method, form)}\`:${doc} `
      : doc.trimStart() + (doc === '' ? '' : ' ');
  const args = form.args.map(
    ({ name, type, doc: text }) => `  - \`${name}\`: ${describe(type)}${text === undefined ? '' : `. ${text}`}`,
  );
  return [`- ${several}Answers ${describe(form.result)}.`, ...args];
}
