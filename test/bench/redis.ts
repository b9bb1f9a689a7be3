/** A Redis of one's own that syncs each command, for as long as a figure needs one. */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';

export interface Redis {
  readonly port: number;
  stop(): Promise<void>;
}

/** Null where there is none on this machine. */
export async function startRedis(directory: string): Promise<Redis | null> {
  const { mkdir } = await import('node:fs/promises');
  await mkdir(directory, { recursive: true });
  const port = 16_000 + (process.pid % 20_000);
  const settings = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
    '--save',
    '',
  ];
  const child = spawn('redis-server', settings, { stdio: 'ignore' });
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const failed = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(true));
    const attempt = (left: number): void => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => {
        socket.destroy();
        resolve(false);
      });
      socket.once('error', () => (left === 0 ? resolve(true) : setTimeout(() => attempt(left - 1), 50)));
    };
    attempt(60);
  });
  if (failed) {
    child.kill('SIGKILL');
    return null;
  }
  return {
    port,
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** Pairs of LPUSH and RPOP a second, `count` pairs under way on one socket, in the protocol's own bytes. */
export function rawPairs(port: number, round_ms: number, count: number, value: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const pair = (index: number): string => {
      const key = `c${index % 10_000}`;
      const push = `*3\r\n$5\r\nLPUSH\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`;
      return `${push}*2\r\n$4\r\nRPOP\r\n$${key.length}\r\n${key}\r\n`;
    };
    const socket = connect(port, '127.0.0.1');
    let sent = 0;
    let lines = 0;
    let asked = 0;
    const started_ms = performance.now();
    const send = (some: number): void => {
      let text = '';
      for (let left = some; left > 0; left--) text += pair(sent++);
      asked += some;
      socket.write(text);
    };
    socket.once('error', reject);
    socket.once('connect', () => send(count));
    socket.on('data', (bytes) => {
      // A pair is answered in three lines: the length of the list, the length of the value, the value.
      for (const byte of bytes) if (byte === 10) lines++;
      const answered = Math.floor(lines / 3);
      if (performance.now() - started_ms < round_ms) {
        if (answered + count > asked) send(answered + count - asked);
      } else {
        socket.destroy();
        resolve((answered / (performance.now() - started_ms)) * 1000);
      }
    });
  });
}
