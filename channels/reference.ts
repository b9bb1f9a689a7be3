/** The reference page of system channels, from their declarations alone: what it says is what is checked. */
import type { ChannelDeclaration, Form, Method } from './declare.ts';
import { describe } from './types.ts';

export function referencePage(declarations: readonly ChannelDeclaration[]): string {
  const head = [
    '# System channels',
    '',
    'Made from the declarations in `channels/` by `scripts/generate-channels.ts`; do not edit it by hand. What calls,',
    'effects, recovery and errors are is said in [channels](../channels.md).',
  ];
  return `${[...head, ...declarations.flatMap(channelSection)].join('\n')}\n`;
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
