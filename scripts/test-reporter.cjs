/**
 * Mocha's own report, and besides one file for `scripts/test.mjs`: how many passed, failed and were skipped, and how
 * long each file of tests took, its hooks included.
 */
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

module.exports = class TestReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const files = new Map();
    const started = new Map();
    runner.on('suite', (suite) => {
      if (suite.parent?.root === true) started.set(suite, performance.now());
    });
    runner.on('suite end', (suite) => {
      const since = started.get(suite);
      if (since !== undefined) files.set(suite.file, (files.get(suite.file) ?? 0) + performance.now() - since);
    });
    runner.once('end', () => {
      const { passes: passing, failures: failing, pending } = runner.stats;
      const told = [...files].map(([file, ms]) => ({ file, ms }));
      writeFileSync(process.env.TEST_REPORT, JSON.stringify({ passing, failing, pending, files: told }));
      // Heard by whoever started this process, which then waits for it to leave.
      process.stdout.write('\n');
    });
  }
};
