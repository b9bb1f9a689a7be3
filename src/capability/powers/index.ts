/** Every kind of power that an operator can configure, each with its limits. A new kind is added here. */
import { z } from 'zod';
import { configPower } from './config.ts';
import { cryptoPower } from './crypto.ts';
import { filesPower } from './files.ts';
import { hardwarePower } from './hardware.ts';
import { hostPower } from './host.ts';
import { httpPower } from './http.ts';
import { loadPower } from './load.ts';
import { peersPower } from './peers.ts';
import { randomPower } from './random.ts';
import { stdioPower } from './stdio.ts';
import { tcpPower } from './tcp.ts';
import { timerPower } from './timer.ts';
import { udpPower } from './udp.ts';

export const powerSchema = z.discriminatedUnion('kind', [
  stdioPower,
  filesPower,
  httpPower,
  tcpPower,
  udpPower,
  timerPower,
  randomPower,
  cryptoPower,
  configPower,
  peersPower,
  hardwarePower,
  loadPower,
  hostPower,
]);

/** One configured power, as a grant gives it to a holder. */
export type Power = z.output<typeof powerSchema>;
/** As a configuration writes it. */
export type PowerSource = z.input<typeof powerSchema>;
export type PowerKind = Power['kind'];
export type PowerOf<K extends PowerKind> = Extract<Power, { readonly kind: K }>;

/** Under which name a holder has it. */
export function powerNameOf(power: Power): string {
  return power.kind === 'stdio' ? power.kind : power.name;
}

/** The methods of the system process by which a kind of power is handed out, and the native that answers there. */
export const POWER_ROOTS: Readonly<Record<PowerKind, readonly { readonly method: string; readonly native: string }[]>> =
  {
    stdio: [
      { method: 'stdout', native: 'output' },
      { method: 'stderr', native: 'output' },
      { method: 'stdin', native: 'input' },
    ],
    files: [{ method: 'fileSystem', native: 'directory' }],
    http: [{ method: 'httpClient', native: 'httpClient' }],
    tcp: [
      { method: 'tcpClient', native: 'tcpClient' },
      { method: 'tcpListener', native: 'tcpListener' },
    ],
    udp: [{ method: 'udp', native: 'udp' }],
    timer: [{ method: 'timer', native: 'timer' }],
    random: [{ method: 'random', native: 'random' }],
    crypto: [{ method: 'crypto', native: 'crypto' }],
    config: [{ method: 'config', native: 'config' }],
    peers: [{ method: 'peers', native: 'peers' }],
    hardware: [{ method: 'hardware', native: 'hardware' }],
    load: [{ method: 'load', native: 'load' }],
    // Which native answers there is said by the power.
    host: [{ method: 'native', native: '' }],
  };

/** The URIs that a kind of power binds besides, and the native that answers there; its handle is the id of the grant. */
export const POWER_URIS: Readonly<Record<PowerKind, readonly { readonly uri: string; readonly native: string }[]>> = {
  stdio: [
    { uri: 'rho:io:stdout', native: 'stdout' },
    { uri: 'rho:io:stdoutAck', native: 'stdoutAck' },
    { uri: 'rho:io:stderr', native: 'stderr' },
    { uri: 'rho:io:stderrAck', native: 'stderrAck' },
  ],
  files: [],
  http: [],
  tcp: [],
  udp: [],
  timer: [],
  random: [],
  crypto: [
    { uri: 'rho:crypto:sha256Hash', native: 'sha256Hash' },
    { uri: 'rho:crypto:keccak256Hash', native: 'keccak256Hash' },
    { uri: 'rho:crypto:blake2b256Hash', native: 'blake2b256Hash' },
    { uri: 'rho:crypto:ed25519Verify', native: 'ed25519Verify' },
    { uri: 'rho:crypto:secp256k1Verify', native: 'secp256k1Verify' },
  ],
  config: [],
  peers: [],
  hardware: [],
  load: [],
  host: [],
};

/** The channels that a power is handed out as: by which method, and which native answers there. */
export function rootsOf(power: Power): readonly { readonly method: string; readonly native: string }[] {
  return power.kind === 'host' ? [{ method: 'native', native: power.native }] : POWER_ROOTS[power.kind];
}

/** The URIs that it binds besides, and the native that answers there. */
export function urisOf(power: Power): readonly { readonly uri: string; readonly native: string }[] {
  return power.kind === 'host' ? [{ uri: `native:${power.name}`, native: power.native }] : POWER_URIS[power.kind];
}
