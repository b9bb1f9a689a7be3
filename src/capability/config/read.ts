/**
 * Reads a configuration: text to data, data by the schema, what its sections say of each other, documents and
 * secrets. Every mistake is found in one run. Reaches nothing by itself: files and variables come through the
 * surroundings that it is handed.
 */
import { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Power } from '../powers/index.ts';
import type { Configuration, ConfiguredDocument, Filling } from './configuration.ts';
import { readDocuments } from './documents.ts';
import { type ConfigurationSurroundings, Draft, isMap, list, PROBLEMS, section } from './draft.ts';
import type { HolderQuota, QuotaSettings } from '../quota.ts';
import { peersConfig, type PeersConfig, secretFault } from '../peers-config.ts';
import { readBy } from './issues.ts';
import { allotted_bytes, type MachineConfig } from '../machine-config.ts';
import { type Mistake, mistakeLine, shown } from './mistake.ts';
import { readContracts, readHolders } from './references.ts';
import { type ConfiguredPowers, readPowers } from './powers.ts';
import type { NativeConfig } from '../natives-config.ts';
import { readNatives, requireNative } from './natives.ts';
import { configurationSchema } from './schema.ts';
import { type ServiceConfig, serviceConfig } from '../service-config.ts';
import { Fillings } from './secrets.ts';
import { type ConfigurationText, readText, tooLarge, withoutText } from './text.ts';

export interface ConfigurationRead {
  /** Null when there is a mistake. */
  readonly configuration: Configuration | null;
  readonly mistakes: readonly Mistake[];
  /** Also of those that could not be filled. */
  readonly fillings: readonly Filling[];
}

export function readConfigurationFile(file: string, surroundings: ConfigurationSurroundings): ConfigurationRead {
  const read = surroundings.readFile(file, limits.config_bytes_max);
  if ('text' in read) return readConfiguration(readText(read.text), file, surroundings);
  const text = read.problem === 'too_large' ? tooLarge() : withoutText(undefined);
  if (read.problem === 'too_large') return { configuration: null, mistakes: text.mistakes, fillings: [] };
  const expected = `expected a configuration: ${PROBLEMS[read.problem](limits.config_bytes_max)}`;
  const mistake = { path: '', line: 1, column: 1, expected, came: '', hint: '' };
  return { configuration: null, mistakes: [mistake], fillings: [] };
}

export function readConfigurationObject(source: unknown, surroundings: ConfigurationSurroundings): ConfigurationRead {
  return readConfiguration(withoutText(source), null, surroundings);
}

function readConfiguration(
  text: ConfigurationText,
  file: string | null,
  surroundings: ConfigurationSurroundings,
): ConfigurationRead {
  if (text.mistakes.length > 0) return { configuration: null, mistakes: text.mistakes, fillings: [] };
  const draft = new Draft(text, surroundings);
  // The key of a power is its name.
  const data = named(text.data, draft);
  const { value, mistakes } = readBy(configurationSchema, data, text);
  draft.mistakes.push(...mistakes);
  const fillings = new Fillings(draft);
  const powers = readPowers(data, draft, fillings);
  const peers = readPeers(data, draft, fillings);
  const natives = readNatives(data, draft, fillings);
  const service = readService(data, draft, fillings);
  const holders = readHolders(data, powers, draft, fillings);
  const documents = readDocuments(data, draft);
  const systemContracts = readContracts(data, holders, documents, draft);
  fillings.refuseOthers(text.data);
  for (const [name, power] of powers) requireDocuments(name, power, documents, draft);
  for (const [name, power] of powers) requireNative(name, power, natives, draft);
  if (value?.machine !== undefined) checkMachine(value.machine, powers, draft);
  if (value?.publicSystem !== undefined && !holders.has(value.publicSystem))
    draft.refuse(['publicSystem'], `expected one of the holders: ${list(holders.keys())}`, shown(value.publicSystem));
  const sorted = inOrder(draft.mistakes);
  if (value === undefined || sorted.length > 0)
    return { configuration: null, mistakes: sorted, fillings: draft.fillings };
  const configuration: Configuration = {
    file,
    data: value.data === undefined ? null : surroundings.resolve(value.data),
    durability: value.durability ?? null,
    powers: powers as ReadonlyMap<string, Power>,
    holders,
    quotas: quotasOf(value, holders),
    machine: value.machine ?? null,
    audit: value.audit ?? null,
    natives: natives as ReadonlyMap<string, NativeConfig>,
    peers,
    service,
    systemContracts,
    documents: documents as ReadonlyMap<string, ConfiguredDocument>,
    publicSystem: value.publicSystem ?? null,
    fillings: draft.fillings,
    filesRead: draft.filesRead,
  };
  return { configuration, mistakes: [], fillings: draft.fillings };
}

/** The configuration, or `config_invalid` with every mistake. */
export function requireConfiguration({ configuration, mistakes }: ConfigurationRead, file: string): Configuration {
  if (configuration !== null) return configuration;
  const [first, ...others] = mistakes.map((mistake) => mistakeLine(file, mistake));
  throw new PowerboxError('config_invalid', [first, ...others].join('\n'), {
    hint: 'powerbox config check shows the mistakes of a file; spec/reference/config.md has every field',
  });
}

/** With their secrets; what is wrong with their form was told when the whole was read. */
function readPeers(data: unknown, draft: Draft, fillings: Fillings): PeersConfig | null {
  const source = isMap(data) ? data['peers'] : undefined;
  if (source === undefined) return null;
  const { value } = readBy(peersConfig, source, draft.text, ['peers']);
  if (value === undefined) {
    fillings.fillUnread(peersConfig, source, ['peers']);
    return null;
  }
  fillings.fill(value, ['peers']);
  value.nodes.forEach(({ secret }, index) => {
    const fault = secret.isFilled ? secretFault(secret, value.nodes.slice(0, index)) : null;
    if (fault !== null) draft.refuse(['peers', 'nodes', index, 'secret'], fault, '');
  });
  return value;
}

/** With its secrets, and with every path as it stands on this machine; the files are read by who serves. */
function readService(data: unknown, draft: Draft, fillings: Fillings): ServiceConfig | null {
  const source = isMap(data) ? data['service'] : undefined;
  if (source === undefined) return null;
  const { value } = readBy(serviceConfig, source, draft.text, ['service']);
  if (value === undefined) {
    fillings.fillUnread(serviceConfig, source, ['service']);
    return null;
  }
  fillings.fill(value, ['service']);
  const { tls, auth } = value;
  const at = (path: string): string => draft.surroundings.resolve(path);
  return {
    ...value,
    ...(tls === undefined ? {} : { tls: { certificate: at(tls.certificate), key: at(tls.key) } }),
    auth: { ...auth, ...(auth.publicKey === undefined ? {} : { publicKey: at(auth.publicKey) }) },
  };
}

function quotasOf(
  value: { readonly quotas?: HolderQuota | undefined },
  holders: Configuration['holders'],
): QuotaSettings {
  const own = [...holders.values()].flatMap(({ name, quotas }) => (quotas === null ? [] : [[name, quotas] as const]));
  return { ...(value.quotas === undefined ? {} : { default: value.quotas }), holders: Object.fromEntries(own) };
}

function named(data: unknown, draft: Draft): unknown {
  const powers = section(data, 'powers');
  if (powers === null) return data;
  const filled = Object.entries(powers).map(([name, power]) => {
    if (!isMap(power)) return [name, power];
    if (Object.hasOwn(power, 'name')) {
      draft.refuse(['powers', name, 'name'], 'the name of a power is its key', shown(power['name']), { part: 'key' });
    }
    if (power['kind'] === 'stdio') {
      if (name !== 'stdio')
        draft.refuse(['powers', name], 'the power of kind stdio is called stdio', shown(name), { part: 'key' });
      const { name: _, ...rest } = power;
      return [name, rest];
    }
    return [name, { ...power, name }];
  });
  return { ...(data as object), powers: Object.fromEntries(filled) };
}

function checkMachine({ share, requirements }: MachineConfig, powers: ConfiguredPowers, draft: Draft): void {
  for (const name of Object.keys(requirements)) {
    if (powers.has(name)) continue;
    const expected = `expected one of the powers: ${list(powers.keys())}`;
    draft.refuse(['machine', 'requirements', name], expected, shown(name), { part: 'key' });
  }
  const sum = allotted_bytes(powers.values());
  if (share.disk_bytes === undefined || sum <= share.disk_bytes) return;
  const expected = `expected at least the ${sum} bytes that powers of kind files allot together`;
  draft.refuse(['machine', 'share', 'disk_bytes'], expected, shown(share.disk_bytes));
}

function requireDocuments(
  name: string,
  power: Power | null,
  documents: ReadonlyMap<string, unknown>,
  draft: Draft,
): void {
  if (power?.kind !== 'config') return;
  power.documents.forEach((document, index) => {
    if (documents.has(document)) return;
    draft.refuse(
      ['powers', name, 'documents', index],
      `expected one of the documents: ${list(documents.keys())}`,
      shown(document),
    );
  });
}

/** As they stand in the file. One place is told of once for one reason. */
function inOrder(mistakes: readonly Mistake[]): readonly Mistake[] {
  const seen = new Set<string>();
  return mistakes
    .filter((mistake) => {
      const key = JSON.stringify(mistake);
      return !seen.has(key) && seen.add(key);
    })
    .toSorted((left, right) => left.line - right.line || left.column - right.column)
    .slice(0, limits.config_mistakes_max);
}
