/** The page of the command line and the commands that there are say the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { COMMANDS } from '../../src/cli/commands/index.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

/** Each that can be run, by its whole name. */
function namesOf(command: Command, before = ''): string[] {
  return command.commands.flatMap((inner) => {
    const name = `${before}${inner.name()}`;
    return inner.commands.length === 0 ? [name] : namesOf(inner, `${name} `);
  });
}

describe('cli: the page of the command line', () => {
  it('has each command once, and no other', () => {
    const program = new Command('powerbox');
    // A terminal is used by a command that runs, and none does.
    for (const register of COMMANDS) register(program, { terminal: {} as Terminal, leave: async () => {} });
    const page = readFileSync(new URL('../../spec/cli.md', import.meta.url), 'utf8');
    const table = page.slice(page.indexOf('## Commands'), page.indexOf('## Powers of a program'));
    const rows = [...table.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = '']) => cell.split(', '));
    // What follows a name are its arguments, in capitals, and its options.
    const told = rows.map((row) => row.replaceAll('`', '').replace(/ (?:--|\[|[A-Z]).*$/, ''));
    const there = namesOf(program);
    // `token` is run by itself, and has a command below it.
    assert.deepEqual(told.toSorted(), [...there, 'token'].toSorted());
  });
});
