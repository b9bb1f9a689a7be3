/** An authority of a test's own, made with openssl: Node reads certificates, and writes none. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  /** As text, and as files while the authority is there. */
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export class Authority {
  readonly #directory = mkdtempSync(join(tmpdir(), 'powerbox-authority-'));
  #issued = 0;
  readonly own: Certificate;

  constructor() {
    this.#run('req', '-x509', ...newKey('own'), '-out', 'own.pem', '-subj', '/CN=test authority', '-days', '2');
    writeFileSync(this.#path('index'), '');
    writeFileSync(this.#path('serial'), '01');
    this.own = this.#read('own');
  }

  /** Names as certificates say them: `DNS:localhost,IP:127.0.0.1`. */
  issue(names: string, expired = false): Certificate {
    const name = `issued-${++this.#issued}`;
    const lines = [
      '[ca]',
      'default_ca = a',
      '[a]',
      'database = index',
      'serial = serial',
      'new_certs_dir = .',
      'default_md = sha256',
      'policy = p',
      'unique_subject = no',
      'x509_extensions = e',
      '[p]',
      '[e]',
      `subjectAltName = ${names}`,
    ];
    writeFileSync(this.#path('config'), `${lines.join('\n')}\n`);
    this.#run('req', '-new', ...newKey(name), '-out', 'request', '-subj', '/CN=issued');
    const year = new Date().getUTCFullYear();
    const time = expired ? [year - 2, year - 1] : [year - 1, year + 1];
    const [from, to] = time.map((each) => `${each}0101000000Z`) as [string, string];
    const files = [
      '-config',
      'config',
      '-cert',
      'own.pem',
      '-keyfile',
      'own.key',
      '-in',
      'request',
      '-out',
      `${name}.pem`,
    ];
    this.#run('ca', '-batch', '-notext', ...files, '-startdate', from, '-enddate', to);
    return this.#read(name);
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #run(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: ['ignore', 'ignore', 'pipe'] });
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #read(name: string): Certificate {
    const certFile = this.#path(`${name}.pem`);
    const keyFile = this.#path(`${name}.key`);
    return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), certFile, keyFile };
  }
}

function newKey(name: string): readonly string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
}
