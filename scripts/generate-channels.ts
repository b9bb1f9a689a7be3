/**
 * Writes spec/reference/channels.md from the declarations in channels/. With --check it writes nothing and fails
 * when the page is not fresh.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SYSTEM_CHANNELS, referencePage } from '../channels/index.ts';

const directory = fileURLToPath(new URL('../spec/reference/', import.meta.url));
const path = `${directory}channels.md`;
const page = referencePage(SYSTEM_CHANNELS);

if (process.argv.includes('--check')) {
  let current = '';
  try {
    current = readFileSync(path, 'utf8');
  } catch {
    // A page that is not there is not fresh.
  }
  if (current !== page) {
    process.stderr.write('spec/reference/channels.md is not fresh; run: npx tsx scripts/generate-channels.ts\n');
    process.exitCode = 1;
  }
} else {
  mkdirSync(directory, { recursive: true });
  writeFileSync(path, page);
}
