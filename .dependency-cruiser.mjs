/**
 * Proves the layout of DESIGN.md: imports point down one list and never up, a folder is entered only through
 * its index file, what bundles for the browser imports no Node module, and no code imports itself in a circle.
 */

/** The layout, from the top. A part may import itself and what stands below it. */
const LAYOUT = [
  'src/cli',
  'src/service',
  'src/index.ts',
  'src/testing',
  'src/embedding',
  'src/inspector',
  'src/cluster',
  'src/client',
  'resolvers',
  'src/trace',
  'src/sandbox',
  'src/rholang',
  'src/natives',
  'src/wire',
  'src/capability',
  'src/dispatch',
  'src/history',
  'src/space',
  'src/store',
  'src/match',
  'channels',
  'src/values',
  'src/platform',
  'src/limits.ts',
  'src/version.ts',
  'src/errors.ts',
];

/** These bundle for the browser. They may import each other and pure libraries, nothing else. */
const BROWSER = ['src/client', 'src/wire', 'channels', 'src/values', 'src/limits.ts', 'src/errors.ts'];

/** Beside their index files: what the commands load without the rest of the folder. */
const FACES = ['^src/embedding/configured\\.ts$', '^src/service/tokens\\.ts$'];

/** Folders whose sub-folders have a public face of their own. */
const NESTED = ['src/rholang'];

const pattern = (part) => (part.endsWith('.ts') ? `^${part.replaceAll('.', '\\.')}$` : `^${part}/`);
const patterns = (parts) => parts.map(pattern);
const folders = LAYOUT.filter((part) => !part.endsWith('.ts'));
/** Anything of ours that runs in production. */
const OURS = '^(src|channels|resolvers)/';

const downOnly = LAYOUT.slice(1).map((part, index) => ({
  name: `down-only-${part}`,
  comment: `${part} may import only what stands below it in the layout of DESIGN.md.`,
  severity: 'error',
  from: { path: pattern(part) },
  to: { path: patterns(LAYOUT.slice(0, index + 1)) },
}));

const throughIndex = folders.map((folder) => ({
  name: `through-index-${folder}`,
  comment: `${folder} is imported through its index file only.`,
  severity: 'error',
  from: { path: OURS, pathNot: pattern(folder) },
  to: { path: pattern(folder), pathNot: [`^${folder}/index\\.ts$`, ...FACES] },
}));

const throughNestedIndex = NESTED.flatMap((folder) => {
  const comment = `A sub-folder of ${folder} is imported by its siblings through its index file only.`;
  const inside = { path: `^${folder}/[^/]+/`, pathNot: [`^${folder}/[^/]+/index\\.ts$`] };
  return [
    {
      name: `through-index-inside-${folder}`,
      comment,
      severity: 'error',
      from: { path: `^${folder}/([^/]+)/` },
      to: { path: inside.path, pathNot: [...inside.pathNot, `^${folder}/$1/`] },
    },
    {
      name: `through-index-from-${folder}`,
      comment,
      severity: 'error',
      from: { path: `^${folder}/[^/]+\\.ts$` },
      to: inside,
    },
  ];
});

export default {
  forbidden: [
    ...downOnly,
    ...throughIndex,
    ...throughNestedIndex,
    {
      name: 'no-cycle',
      comment: 'No cycle is patched with a hook: find the second noun. Types of one folder may name each other.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'in-the-layout',
      comment: 'Every production file belongs to a part of the layout.',
      severity: 'error',
      from: { path: OURS, pathNot: patterns(LAYOUT) },
      to: {},
    },
    {
      name: 'browser-imports-no-node',
      comment: 'client, wire, channels, values, limits and errors bundle for the browser.',
      severity: 'error',
      from: { path: patterns(BROWSER) },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'browser-imports-browser',
      comment: 'What bundles for the browser imports only what bundles for the browser.',
      severity: 'error',
      from: { path: patterns(BROWSER) },
      to: { path: OURS, pathNot: patterns(BROWSER) },
    },
    {
      name: 'dispatch-names-no-runner',
      comment: 'dispatch receives runners; only cli, service and the public index name one.',
      severity: 'error',
      from: { path: ['^src/dispatch/', '^src/trace/'] },
      to: { path: ['^src/(rholang|sandbox|natives)/', '^resolvers/'] },
    },
    {
      name: 'resolves',
      comment: 'Every import resolves to a file or to a dependency of package.json.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-in-production',
      comment: 'Production code imports no development dependency and no test.',
      severity: 'error',
      from: { path: OURS },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-test-in-production',
      comment: 'Production code imports no test; conformance suites are exported by the folder that owns the law.',
      severity: 'error',
      from: { path: OURS },
      to: { path: '^(test|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
