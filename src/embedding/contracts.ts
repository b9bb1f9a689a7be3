/**
 * Which system contracts there are: those of the configuration and those that an earlier run has started. Owns the
 * facts `contract/<name>`, set in the turn that starts one: the hash of its text, its file and its holder. So a file
 * that has changed since is told from the contract that runs, and nothing is started twice or replaced in silence.
 */
import type { Configuration, ConfiguredContract } from '../capability/index.ts';
import type { Deploys } from '../dispatch/index.ts';
import type { Hashing } from '../platform/index.ts';
import type { SpaceEngine } from '../space/index.ts';
import { Kind, List, type Value } from '../values/index.ts';
import type { FailureReport, SystemContractReport } from './types.ts';

/** What deploys of system contracts are called, and the facts by which the space knows that one has had its message. */
export const SYSTEM_PREFIX = 'system/';
const CONTRACT_PREFIX = 'contract/';

export interface ContractNote {
  /** SHA-256 of its text, in hexadecimal. */
  readonly hash: string;
  /** As the configuration names it; empty for one that was given as text. */
  readonly file: string;
  readonly holder: string;
}

export function contractNote(name: string, { hash, file, holder }: ContractNote): readonly [string, Value] {
  return [CONTRACT_PREFIX + name, new List([hash, file, holder])];
}

export function textHash(text: string, hashing: Hashing): string {
  return Buffer.from(hashing.sha256(new TextEncoder().encode(text))).toString('hex');
}

export interface ContractsOptions {
  readonly engine: SpaceEngine;
  readonly deploys: Deploys;
  readonly configuration: Configuration | null;
  readonly hashing: Hashing;
}

/** By name: first those of the configuration, in its order. */
export function contractReports({ engine, deploys, configuration, hashing }: ContractsOptions): SystemContractReport[] {
  const configured = new Map((configuration?.systemContracts ?? []).map((contract) => [contract.name, contract]));
  const started = [...engine.facts(SYSTEM_PREFIX)].map(([key]) => key.slice(SYSTEM_PREFIX.length)).toSorted();
  return [...new Set([...configured.keys(), ...started])].map((name) =>
    report(name, configured.get(name), { engine, deploys, configuration, hashing }),
  );
}

function report(
  name: string,
  configured: ConfiguredContract | undefined,
  { engine, deploys, hashing }: ContractsOptions,
): SystemContractReport {
  const account = engine.fact(SYSTEM_PREFIX + name);
  const deploy = typeof account === 'number' ? deploys.get(account) : undefined;
  const note = noteOf(engine.fact(CONTRACT_PREFIX + name));
  const hash = note?.hash ?? '';
  const fileHash = configured === undefined ? '' : textHash(configured.text, hashing);
  const isStarted = typeof account === 'number';
  const isChanged = configured !== undefined && fileHash !== hash;
  // One that was given as text is in no configuration, and misses none.
  const isMissing = configured === undefined && note !== null && note.file !== '';
  return {
    name,
    deploy: isStarted ? account : null,
    holder: deploy?.holder ?? configured?.holder ?? '',
    file: configured?.file ?? note?.file ?? '',
    hash,
    fileHash,
    state: !isStarted ? 'not started' : isMissing ? 'not configured' : isChanged ? 'changed' : 'running',
  };
}

/** What is told where a contract is to be started of which another text was started; null where it is the same. */
export function changedContract(
  engine: SpaceEngine,
  { name, text, file }: { readonly name: string; readonly text: string; readonly file: string },
  hashing: Hashing,
): FailureReport | null {
  const account = engine.fact(SYSTEM_PREFIX + name);
  const fileHash = textHash(text, hashing);
  const hash = noteOf(engine.fact(CONTRACT_PREFIX + name))?.hash ?? '';
  if (typeof account !== 'number' || hash === fileHash) return null;
  const runs = hash === '' ? 'one that was started before' : hash.slice(0, 12);
  const has = file === '' ? 'the text that was given is' : `${file} has`;
  return {
    deploy: account,
    code: 'config_invalid',
    message: `the system contract ${name} goes on as ${runs}; ${has} ${fileHash.slice(0, 12)}, which was not started`,
    hint:
      file === ''
        ? 'give it another name, or configure it: see spec/config.md'
        : `powerbox system update ${name} starts it; see spec/config.md for what becomes of the old one`,
    source: SYSTEM_PREFIX + name,
    dropped: 0,
  };
}

function noteOf(fact: Value | undefined): ContractNote | null {
  if (fact === undefined || fact === null || typeof fact !== 'object' || fact.kind !== Kind.List) return null;
  const [hash, file, holder] = fact.items;
  return { hash: String(hash), file: String(file), holder: String(holder) };
}
