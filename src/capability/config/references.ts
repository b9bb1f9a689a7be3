/** What one section says of another: holders and their grants, contracts and their holders. */
import { limits } from '../../limits.ts';
import { grantedUris } from '../powerbox.ts';
import { powerNameOf } from '../powers/index.ts';
import type { Power } from '../powers/index.ts';
import type { ConfiguredContract, ConfiguredDocument, ConfiguredHolder } from './configuration.ts';
import { type Draft, isMap, list, section } from './draft.ts';
import { readBy } from './issues.ts';
import { meant, shown } from './mistake.ts';
import { type ConfiguredPowers, readGrant } from './powers.ts';
import { holderSection, systemContractSection } from './schema.ts';
import type { Fillings } from './secrets.ts';

/** Every holder that stands there, with the grants of it that can be read. */
export function readHolders(
  data: unknown,
  powers: ConfiguredPowers,
  draft: Draft,
  fillings: Fillings,
): Map<string, ConfiguredHolder> {
  const holders = new Map<string, ConfiguredHolder>();
  for (const [name, source] of Object.entries(section(data, 'holders') ?? {})) {
    const { value } = readBy(holderSection, source, draft.text);
    const grants = isMap(source) && Array.isArray(source['grants']) ? source['grants'] : [];
    const held = new Map<string, Power>();
    grants.forEach((grant, index) => {
      const path = ['holders', name, 'grants', index];
      const power = readGrant(grant, path, data, powers, draft, fillings);
      if (power === null) return;
      const known = powerNameOf(power);
      if (held.has(known)) {
        const hint = power.kind === 'stdio' ? '' : 'give one of them another name with as';
        draft.refuse(path, 'expected each name once among the grants of a holder', shown(known), { hint });
      }
      held.set(known, power);
    });
    holders.set(name, {
      name,
      powers: [...held.values()],
      quotas: value?.quotas ?? null,
      record: value?.record ?? false,
    });
  }
  return holders;
}

export function readContracts(
  data: unknown,
  holders: ReadonlyMap<string, ConfiguredHolder>,
  documents: ReadonlyMap<string, ConfiguredDocument | null>,
  draft: Draft,
): ConfiguredContract[] {
  const sources = isMap(data) && Array.isArray(data['systemContracts']) ? data['systemContracts'] : [];
  const names = new Set<string>();
  return sources.flatMap((source, index) => {
    const { value } = readBy(systemContractSection, source, draft.text);
    if (value === undefined) return [];
    const path = ['systemContracts', index];
    const { name, file, holder, config = null } = value;
    if (names.has(name))
      draft.refuse([...path, 'name'], 'expected each name once among the system contracts', shown(name));
    names.add(name);
    if (!holders.has(holder)) {
      const hint = meant(holder, [...holders.keys()]);
      draft.refuse([...path, 'holder'], `expected one of the holders: ${list(holders.keys())}`, shown(holder), {
        hint,
      });
    }
    if (config !== null && !documents.has(config)) {
      const hint = meant(config, [...documents.keys()]);
      draft.refuse([...path, 'config'], `expected one of the documents: ${list(documents.keys())}`, shown(config), {
        hint,
      });
    }
    const text = draft.file([...path, 'file'], file, 'a contract', limits.source_bytes_max);
    if (text === null) return [];
    const powers = holders.get(holder)?.powers;
    const faults = powers === undefined ? [] : draft.surroundings.contractFaults(text, grantedUris(powers));
    for (const fault of faults) draft.refuse([...path, 'file'], `expected a contract: ${file}:${fault}`, '');
    return [{ name, file, text, holder, config }];
  });
}
