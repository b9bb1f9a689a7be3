/** A configuration as an operator is shown it: everything that holds, secrets as placeholders. Plain data. */
import type { Configuration } from './configuration.ts';

export function configurationView(configuration: Configuration): Readonly<Record<string, unknown>> {
  const { data, durability, powers, holders, quotas, systemContracts, documents, publicSystem, fillings } =
    configuration;
  const view = {
    version: 1,
    data,
    durability,
    powers: Object.fromEntries([...powers].map(([name, power]) => [name, { ...power, name: undefined }])),
    holders: Object.fromEntries(
      [...holders].map(([name, { powers: grants, quotas: own, record }]) => [name, { grants, quotas: own, record }]),
    ),
    quotas: quotas.default ?? null,
    machine: configuration.machine,
    audit: configuration.audit,
    natives: Object.fromEntries(
      [...configuration.natives].map(([name, native]) => [name, { ...native, name: undefined, pinned: undefined }]),
    ),
    peers: configuration.peers,
    service: configuration.service,
    systemContracts: systemContracts.map(({ text: _, ...contract }) => contract),
    documents: Object.fromEntries(
      [...documents].map(([name, { file, value }]) => [name, file === null ? { value } : { file }]),
    ),
    publicSystem,
    secrets: fillings.map(({ path, from, name }) => ({ path, from: `${from}:${name}` })),
  };
  // Secrets say of themselves how they are shown.
  return JSON.parse(JSON.stringify(view, (_, value: unknown) => value ?? undefined)) as Record<string, unknown>;
}
