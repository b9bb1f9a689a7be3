/**
 * Ports at which a test listens later, or again after a restart. None of them is of those that the system gives to
 * whoever asks for any port, so no other socket of this machine takes one in between; and each is of one process of tests
 * as long as that lives: a file with its number says whose it is.
 */
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FIRST = 10_000;
/** From here on the system gives ports away, where it does not say otherwise. */
const GIVEN_FROM = 32_768;
/** How far apart processes begin that are started one after the other. */
const APART = 211;

const TAKEN = join(tmpdir(), 'powerbox-ports');

let asked = 0;
const mine: string[] = [];

process.once('exit', () => {
  for (const file of mine) rmSync(file, { force: true });
  try {
    rmdirSync(TAKEN);
  } catch {
    // Others have ports there.
  }
});

export async function freePorts(count: number): Promise<readonly number[]> {
  const span = givenFrom() - FIRST;
  const found: number[] = [];
  for (let tries = 0; found.length < count; tries++) {
    if (tries === span) throw new Error(`${count} ports are wanted, and ${found.length} are free`);
    const port = FIRST + ((process.pid * APART + asked++) % span);
    if (take(port) && (await isFree(port))) found.push(port);
  }
  return found;
}

export async function freePort(): Promise<number> {
  return (await freePorts(1))[0] as number;
}

function givenFrom(): number {
  try {
    const [first] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number);
    return first !== undefined && first > FIRST + 1_000 ? first : GIVEN_FROM;
  } catch {
    return GIVEN_FROM;
  }
}

/** Whether it is of this process from now on; who has ended without giving it back has it no more. */
function take(port: number): boolean {
  const file = join(TAKEN, `${port}`);
  for (;;) {
    try {
      mkdirSync(TAKEN, { recursive: true });
      writeFileSync(file, `${process.pid}`, { flag: 'wx' });
      mine.push(file);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The last one who left has removed the folder just now.
      if (code === 'ENOENT') continue;
      if (code !== 'EEXIST' || lives(file)) return false;
      rmSync(file, { force: true });
    }
  }
}

function lives(file: string): boolean {
  try {
    const owner = Number(readFileSync(file, 'utf8'));
    // What is empty is being written.
    if (owner > 0) process.kill(owner, 0);
    return true;
  } catch {
    return false;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
