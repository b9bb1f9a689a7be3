/**
 * House rule: the union of error codes, the pages of `spec/errors` and the throw sites in the code agree, both
 * ways. A throw site is a string literal where the checker expects an `ErrorCode`, so codes that pass through
 * a helper count, and comparisons do not.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { ERROR_CODES } from '../../src/errors.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = readdirSync(`${root}spec/errors`).filter((name) => name.endsWith('.md') && name !== 'README.md');

describe('house: error codes', () => {
  it('each code stands once in the union', () => {
    assert.deepEqual([...new Set(ERROR_CODES)], [...ERROR_CODES]);
  });

  it('each code has a page, and each page has a code', () => {
    assert.deepEqual(pages.toSorted(), ERROR_CODES.map((code) => `${code}.md`).toSorted());
  });

  it('each page says what the code means, its cause, its cure, and shows an example that begins with the code', () => {
    const wrong = pages.filter((name) => {
      const code = name.slice(0, -'.md'.length);
      const shape = new RegExp(
        `^# ${code}\\n\\n[^#\\s][^#]+\\n## Cause\\n\\n[^#]+\\n## Cure\\n\\n[^#]+\\n## Example\\n\\n\`\`\`text\\n${code}: `,
      );
      return !shape.test(readFileSync(`${root}spec/errors/${name}`, 'utf8'));
    });
    assert.deepEqual(wrong, []);
  });

  it('each code is thrown somewhere', function () {
    this.timeout(300_000);
    const sites = throwSites();
    const missing = ERROR_CODES.filter((code) => !sites.has(code));
    assert.ok(missing.length === 0, `${missing.length} codes that nobody throws:\n  ${missing.join('\n  ')}`);
  });
});

/** Codes that production code can give to an error, by the type checker's word. */
function throwSites(): Set<string> {
  const config = ts.getParsedCommandLineOfConfigFile(
    `${root}tsconfig.build.json`,
    { noEmit: true, incremental: false },
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (diagnostic) => assert.fail(String(diagnostic.messageText)),
    },
  );
  assert.ok(config);
  const { tsBuildInfoFile: _, ...options } = config.options;
  const program = ts.createProgram(config.fileNames, options);
  const checker = program.getTypeChecker();
  const codes = new Set<string>(ERROR_CODES);
  const found = new Set<string>();
  for (const file of program.getSourceFiles()) {
    if (file.isDeclarationFile || file.fileName.endsWith('/src/errors.ts')) continue;
    visit(file);
  }
  return found;

  function visit(node: ts.Node): void {
    if (ts.isStringLiteral(node) && codes.has(node.text) && !found.has(node.text) && expectsCode(node))
      found.add(node.text);
    ts.forEachChild(node, visit);
  }

  function expectsCode(node: ts.StringLiteral): boolean {
    const expected = checker.getContextualType(node);
    if (expected === undefined) return false;
    // Every member of the expected type is a code: the union itself or a part of it.
    const members = expected.isUnion() ? expected.types : [expected];
    return members.every((member) => member.isStringLiteral() && codes.has(member.value));
  }
}
