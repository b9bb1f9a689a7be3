/**
 * Proves that nothing but the platform and the named adapters touches clock, randomness, files, sockets,
 * processes or timers, so that everything else runs the same from a seed. It reads the program as TypeScript
 * does: a parameter that happens to be called `process` is nobody's clock, and `globalThis.Date.now` is.
 *
 *   node scripts/check-ambient.mjs [--root DIRECTORY]
 *
 * Prints one line a finding and exits 1 when there is one. An entry of the list that is needed no more, or names
 * a file that is gone, is a finding too.
 */
import { existsSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { ADAPTERS } from './ambient-adapters.mjs';

const FOLDERS = ['src', 'channels', 'resolvers'];
const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Builtin modules that only compute. Every other one is ambient, also one that Node adds later. */
const PURE_MODULES = new Set([
  'node:assert',
  'node:assert/strict',
  'node:buffer',
  'node:events',
  'node:path',
  'node:path/posix',
  'node:string_decoder',
  'node:url',
  'node:util',
  'node:zlib',
]);

const MODULE_KINDS = new Map([
  ['node:crypto', 'randomness'],
  ['node:fs', 'files'],
  ['node:fs/promises', 'files'],
  ['node:net', 'sockets'],
  ['node:tls', 'sockets'],
  ['node:dgram', 'sockets'],
  ['node:dns', 'sockets'],
  ['node:http', 'sockets'],
  ['node:https', 'sockets'],
  ['node:http2', 'sockets'],
  ['node:child_process', 'processes'],
  ['node:cluster', 'processes'],
  ['node:worker_threads', 'processes'],
  ['node:process', 'processes'],
  ['node:os', 'processes'],
  ['node:readline', 'processes'],
  ['node:tty', 'processes'],
  ['node:v8', 'processes'],
  ['node:timers', 'timers'],
  ['node:timers/promises', 'timers'],
  ['node:perf_hooks', 'clock'],
  // Libraries with input and output of their own.
  ['abstract-level', 'files'],
  ['classic-level', 'files'],
  ['level', 'files'],
  ['pino', 'files'],
  ['redis', 'sockets'],
  ['undici', 'sockets'],
  ['ws', 'sockets'],
]);

const GLOBAL_KINDS = new Map([
  ['performance', 'clock'],
  ['process', 'processes'],
  ['require', 'files'],
  ['crypto', 'randomness'],
  ['fetch', 'sockets'],
  ['WebSocket', 'sockets'],
  ['EventSource', 'sockets'],
  ['XMLHttpRequest', 'sockets'],
  ['BroadcastChannel', 'processes'],
  ['MessageChannel', 'processes'],
  ['Worker', 'processes'],
  ['navigator', 'processes'],
  ['console', 'processes'],
  ['setTimeout', 'timers'],
  ['setInterval', 'timers'],
  ['setImmediate', 'timers'],
  ['clearTimeout', 'timers'],
  ['clearInterval', 'timers'],
  ['clearImmediate', 'timers'],
]);

/** Members of globals that otherwise only compute: owner, member, kind. */
const MEMBER_KINDS = new Map([
  ['DateConstructor.now', 'clock'],
  ['Math.random', 'randomness'],
  ['AbortSignal.timeout', 'timers'],
  ['Atomics.wait', 'timers'],
  ['Atomics.waitAsync', 'timers'],
]);

function sources(root) {
  const found = [];
  const visit = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (/\.[mc]?[jt]s$/.test(entry.name) && !entry.name.endsWith('.d.ts')) found.push(path);
    }
  };
  for (const folder of FOLDERS) if (existsSync(join(root, folder))) visit(join(root, folder));
  return found.sort();
}

function programOf(files) {
  return ts.createProgram(files, {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    allowJs: true,
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    types: ['node'],
    typeRoots: [join(PROJECT, 'node_modules/@types')],
  });
}

/** All that one file touches, with line and what it is. */
function touchesOf(file, checker) {
  const found = [];
  const add = (node, kind, what) => {
    const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
    found.push({ line: line + 1, kind, what });
  };
  const visit = (node) => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    const module = moduleOf(node);
    if (module !== null) add(node, kindOfModule(module), `imports ${module}`);
    else if (ts.isNewExpression(node) && isGlobal(node.expression, 'Date', checker) && !node.arguments?.length) {
      add(node, 'clock', 'new Date()');
    } else if (ts.isCallExpression(node) && isGlobal(node.expression, 'Date', checker)) add(node, 'clock', 'Date()');
    else if (ts.isIdentifier(node)) visitIdentifier(node);
    else if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
      visitIdentifier(node.argumentExpression);
    }
    ts.forEachChild(node, visit);
  };
  const visitIdentifier = (node) => {
    const kind = kindOfSymbol(symbolOf(node, checker), node.text);
    if (kind !== null) add(node, kind, node.text);
  };
  visit(file);
  return found;
}

function symbolOf(node, checker) {
  // In `{ process }` the property is ours, and the value is what it stands for.
  if (ts.isShorthandPropertyAssignment(node.parent)) return checker.getShorthandAssignmentValueSymbol(node.parent);
  // In `const { now } = Date` it is the property that is touched, not the new variable.
  if (ts.isBindingElement(node.parent) && node !== node.parent.initializer) {
    const property = node.parent.propertyName ?? node.parent.name;
    if (property === node && ts.isObjectBindingPattern(node.parent.parent)) {
      return checker.getTypeAtLocation(node.parent.parent).getProperty(node.text);
    }
  }
  return checker.getSymbolAtLocation(node);
}

/** The ambient module that this node brings in for more than its types, or null. */
function moduleOf(node) {
  let specifier = null;
  if (ts.isImportDeclaration(node)) {
    if (!onlyTypes(node.importClause)) specifier = node.moduleSpecifier;
  } else if (ts.isExportDeclaration(node)) {
    if (!node.isTypeOnly) specifier = node.moduleSpecifier ?? null;
  } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    specifier = node.arguments[0];
    // What is imported by a computed name cannot be known here.
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return 'a computed module';
  } else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference)) {
    specifier = node.moduleReference.expression;
  }
  if (specifier === null || !ts.isStringLiteralLike(specifier)) return null;
  const name = specifier.text;
  const module = isBuiltin(name) && !name.startsWith('node:') ? `node:${name}` : name;
  if (MODULE_KINDS.has(module)) return module;
  return isBuiltin(module) && !PURE_MODULES.has(module) ? module : null;
}

function onlyTypes(clause) {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const bindings = clause.namedBindings;
  if (clause.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) return false;
  return bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly);
}

function kindOfModule(module) {
  return MODULE_KINDS.get(module) ?? 'unknown';
}

/** A global is declared by the language or by Node, never by us. */
function isTheirs(symbol) {
  const declarations = symbol?.declarations ?? [];
  return (
    declarations.length > 0 &&
    declarations.every((declaration) => declaration.getSourceFile().fileName.includes('/node_modules/'))
  );
}

function isGlobal(node, name, checker) {
  const symbol = checker.getSymbolAtLocation(node);
  return symbol?.name === name && isTheirs(symbol);
}

function kindOfSymbol(symbol, name) {
  if (symbol === undefined || !isTheirs(symbol)) return null;
  for (const declaration of symbol.declarations) {
    const owner = declaration.parent;
    if (ts.isInterfaceDeclaration(owner) || ts.isClassDeclaration(owner) || ts.isModuleBlock(owner)) {
      const ownerName = ts.isModuleBlock(owner) ? owner.parent.name.text : owner.name?.text;
      const kind = MEMBER_KINDS.get(`${ownerName}.${name}`);
      if (kind !== undefined) return kind;
    }
    if (isAtTop(declaration) && GLOBAL_KINDS.has(name)) return GLOBAL_KINDS.get(name);
  }
  return null;
}

/** Declared in no interface, class, function or named namespace: a global. */
function isAtTop(declaration) {
  for (let node = declaration.parent; node !== undefined; node = node.parent) {
    if (ts.isSourceFile(node)) return true;
    if (ts.isModuleDeclaration(node) && node.name.text !== 'global' && !ts.isGlobalScopeAugmentation(node)) {
      // Node declares some globals inside the module that they come from.
      if (!ts.isStringLiteral(node.name)) return false;
    }
    if (ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node) || ts.isTypeLiteralNode(node)) return false;
  }
  return false;
}

function check(root) {
  const files = sources(root);
  const program = programOf(files);
  const checker = program.getTypeChecker();
  const findings = [];
  const used = new Map(ADAPTERS.map((adapter) => [adapter, new Set()]));
  for (const path of files) {
    const name = relative(root, path).split(sep).join('/');
    if (name.startsWith('src/platform/')) continue;
    const adapter = ADAPTERS.find((each) => each.file === name);
    for (const { line, kind, what } of touchesOf(program.getSourceFile(path), checker)) {
      if (adapter?.touches.includes(kind)) used.get(adapter).add(kind);
      else findings.push(`${name}:${line}: touches ${kind} (${what}) and is not a named adapter of that`);
    }
  }
  if (root === PROJECT) findings.push(...staleEntries(used));
  return findings;
}

function staleEntries(used) {
  const stale = [];
  for (const [{ file, touches }, kinds] of used) {
    if (!existsSync(join(PROJECT, file))) {
      stale.push(`scripts/ambient-adapters.mjs: ${file} is gone`);
      continue;
    }
    for (const kind of touches) {
      if (!kinds.has(kind)) stale.push(`scripts/ambient-adapters.mjs: ${file} does not touch ${kind}`);
    }
  }
  return stale;
}

const at = process.argv.indexOf('--root');
const root = at < 0 ? PROJECT : resolve(process.argv[at + 1] ?? '.');
const findings = check(root);
for (const finding of findings) console.log(finding);
if (findings.length > 0) process.exitCode = 1;
