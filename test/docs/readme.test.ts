/**
 * Every code block of README.md and CONTRIBUTING.md does what the page says, in the order of the page.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { codeBlocks, Reader } from './blocks.ts';

for (const page of ['README.md', 'CONTRIBUTING.md']) {
  describe(`docs: ${page}`, function () {
    this.timeout(300_000);
    let reader: Reader;
    before(() => {
      reader = new Reader();
    });
    after(() => reader.leave());

    for (const block of codeBlocks(readFileSync(fileURLToPath(new URL(`../../${page}`, import.meta.url)), 'utf8'))) {
      it(`line ${block.line}: ${block.language} ${block.text.trim().split('\n')[0]}`, () => reader.read(block));
    }
  });
}
