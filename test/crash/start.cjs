/**
 * Runs the file that is its first argument as Node would, with what V8 made of it when one of its processes last came
 * to its end: most of the start of a process is compiling. The file's name holds the hash of its content, so what is
 * kept beside it is always of that content.
 */
'use strict';
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const vm = require('node:vm');

// It finds its arguments where it would.
process.argv.splice(1, 1);
const [, path] = process.argv;
const kept = `${path}.compiled`;
let cachedData;
try {
  cachedData = readFileSync(kept);
} catch {
  // Not yet.
}
const script = new vm.Script(
  `(function (exports, require, module, __filename, __dirname) {${readFileSync(path, 'utf8').replace(/^#!.*/, '')}\n})`,
  { filename: path, cachedData, importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER },
);
if (cachedData === undefined || script.cachedDataRejected) {
  process.once('exit', () => {
    // It is taken only with the settings with which it was made, and the command changes this one.
    setFlagsFromString('--allocation-site-pretenuring');
    const half = `${kept}.${process.pid}`;
    writeFileSync(half, script.createCachedData());
    renameSync(half, kept);
  });
}
const module_ = { exports: {} };
script.runInThisContext()(module_.exports, createRequire(path), module_, path, dirname(path));
