/** Where a space of a node is, by its name. Imports nothing that opens one: whoever signs a token asks here, too. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PowerboxError } from '../errors.ts';

export const MAIN_SPACE = 'main';
export const SPACES = 'spaces';
const FORMAT_FILE = 'powerbox.json';

const spaceName = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

export function isSpaceName(name: string): boolean {
  return spaceName.test(name);
}

/** Refused with `usage`: it stands in paths, tokens and metrics. */
export function requireSpaceName(name: string): string {
  if (isSpaceName(name)) return name;
  throw new PowerboxError('usage', `${JSON.stringify(name.slice(0, 80))} is no name of a space`, {
    hint: 'The name of a space is a letter and at most 63 letters, digits, - or _.',
  });
}

export function directoryOfSpace(data: string, name: string): string {
  return requireSpaceName(name) === MAIN_SPACE ? data : join(data, SPACES, name);
}

export function isSpace(data: string, name: string): boolean {
  return existsSync(join(directoryOfSpace(data, name), FORMAT_FILE));
}
