/**
 * What stands in `powerbox.yaml`, section by section: the one schema of it, from which the check, the reference page
 * and the JSON Schema for editors are made. What one section says of another is checked in `references.ts`.
 */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { documentName } from '../powers/config.ts';
import { powerSchema } from '../powers/index.ts';
import { powerName } from '../powers/name.ts';
import { machineConfig } from '../machine-config.ts';
import { nativesSection } from '../natives-config.ts';
import { peersConfig } from '../peers-config.ts';
import { holderQuotaSchema } from '../quota.ts';
import { serviceConfig } from '../service-config.ts';

const path = z.string().min(1, 'a path is not empty').max(limits.path_bytes_max);

/** Holders of an operator's own grants are called this, and a hash of what is granted. */
export const OPERATOR_PREFIX = 'operator-';

/** Plain words: they stand in facts, handles and the audit. */
export const holderName = z
  .string()
  .regex(
    /^(?!operator-)[A-Za-z][A-Za-z0-9_-]{0,63}$/,
    'the name of a holder is a letter and at most 63 letters, digits, - or _, and does not begin with operator-',
  );

/** A power as it is, or one with tighter limits: which fields there are is said by the kind of the power. */
export const grantSource = z.union([
  z.string().min(1).describe('The name of a power; of a power of kind files also `name/directory`.'),
  z
    .looseObject({
      power: z.string().describe('The name of a power.'),
      as: powerName.optional().describe('The name under which the holder has it. Default: the name of the power.'),
    })
    .describe('A power with tighter limits: any field of its kind, and only to make it narrower.'),
]);
export type GrantSource = z.output<typeof grantSource>;

export const holderSection = z.strictObject({
  grants: z
    .array(grantSource)
    .max(1_000)
    .default([])
    .describe('The powers that this holder has. Nothing else is granted.'),
  quotas: holderQuotaSchema.optional().describe('What it may store and run. Default: the quotas of everybody.'),
  record: z
    .boolean()
    .default(false)
    .describe('Whether its clients may record the space: a trace shows all that anybody has in it. Default false.'),
});

export const systemContractSection = z.strictObject({
  name: z
    .string()
    .regex(
      /^[A-Za-z][A-Za-z0-9._-]{0,63}$/,
      'the name of a contract is a letter and at most 63 letters, digits, ., _ or -',
    )
    .describe('Under which it is started once in the life of a space.'),
  file: path.describe('Its text: `contract main(box, @config) = { … }`.'),
  holder: holderName.describe('Whose powerbox is its first argument.'),
  config: documentName.optional().describe('The document that is its second argument. Default: an empty map.'),
});

export const documentSection = z.strictObject({
  file: path.optional().describe('A file: `.yaml`, `.yml` and `.json` are read as values, any other as one text.'),
  value: z.json().optional().describe('The document itself, in place of a file.'),
  schema: path.optional().describe('A file with a JSON Schema that it is checked against.'),
});

export const auditSection = z.strictObject({
  age_ms_max: z
    .int('age_ms_max is a whole number of milliseconds')
    .min(1, 'age_ms_max is at least 1')
    .max(limits.audit_age_ms_max, `age_ms_max is at most ${limits.audit_age_ms_max}`)
    .default(limits.audit_age_ms_default)
    .describe('Milliseconds for which a row is kept.'),
  bytes_max: z
    .int('bytes_max is a whole number of bytes')
    .min(1, 'bytes_max is at least 1')
    .max(limits.audit_bytes_max, `bytes_max is at most ${limits.audit_bytes_max}`)
    .default(limits.audit_bytes_default)
    .describe('Bytes of rows that are kept; the oldest go first.'),
});
export type AuditSection = z.output<typeof auditSection>;

/** Sections by name. Each is checked by itself, so that a mistake in one hides none in another. */
export const SECTIONS = {
  version: z.literal(1).describe('Of this format.'),
  data: path.optional().describe('Directory of the space. Default: in memory, or `--data`.'),
  durability: z
    .enum(['sync', 'os', 'memory'])
    .optional()
    .describe('What an acknowledgement promises: on disk, handed to the system, or nothing. Default: `sync`.'),
  powers: z
    .record(powerName, powerSchema)
    .default({})
    .describe('What may be granted, by name: a kind, and its limits.'),
  holders: z.record(holderName, holderSection).default({}).describe('Who has which of them, by name.'),
  quotas: holderQuotaSchema.optional().describe('What each holder may store and run that has no quotas of its own.'),
  machine: machineConfig
    .optional()
    .describe('How much of the machine may be used, and what it must be good enough for.'),
  audit: auditSection.optional().describe('How long it is kept who called what.'),
  natives: nativesSection,
  peers: peersConfig.optional().describe('The other nodes, and the secret shared with each of them.'),
  service: serviceConfig.optional().describe('What `powerbox serve` serves clients with.'),
  systemContracts: z
    .array(systemContractSection)
    .max(1_000)
    .default([])
    .describe('Contracts that are started with the space.'),
  documents: z.record(documentName, documentSection).default({}).describe('Documents for contracts, by name.'),
  publicSystem: holderName.optional().describe('Whose powerbox answers everybody on `@"system"`. Default: nobody’s.'),
} as const;

export const configurationSchema = z
  .strictObject(SECTIONS)
  .describe('What one node may use of its machine, who gets which of it, and what is started.');

export type ConfigurationSource = z.input<typeof configurationSchema>;
export type HolderSection = z.output<typeof holderSection>;
