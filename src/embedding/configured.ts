/**
 * The options of an opening together with its configuration: what is given to `openSpace` goes before what the file
 * says. A directory that was opened with a configuration file is opened with it again when nothing else is said.
 */
import { resolve } from 'node:path';
import {
  type Configuration,
  type ConfigurationRead,
  mistakeLine,
  readConfigurationFile,
  readConfigurationObject,
  requireConfiguration,
} from '../capability/index.ts';
import { rememberedConfiguration, surroundingsOf } from './config-surroundings.ts';
import type { NodeAuthority } from './node-authority.ts';
import { contractFaults } from './system-contract.ts';
import type { OpenOptions } from './types.ts';

export function configured(
  given: OpenOptions,
  authority: NodeAuthority,
): { readonly configuration: Configuration | null; readonly options: OpenOptions } {
  const configuration = configurationOf(given);
  if (configuration === null) return { configuration, options: given };
  for (const file of [...(configuration.file === null ? [] : [configuration.file]), ...configuration.filesRead])
    authority.give('node/configuration', file, file, { read: true });
  for (const { from, name } of configuration.fillings)
    if (from === 'env') authority.give('node/configuration', name, name, { variable: true });
  const data = given.data ?? configuration.data ?? undefined;
  const durability = given.durability ?? (data === undefined ? undefined : (configuration.durability ?? undefined));
  const options = {
    ...given,
    ...(data === undefined ? {} : { data }),
    ...(durability === undefined ? {} : { durability }),
    ...(given.audit !== undefined || configuration.audit === null ? {} : { audit: configuration.audit }),
  };
  return { configuration, options };
}

function configurationOf({ config, data, rememberGrants, unfinished, onFailure }: OpenOptions): Configuration | null {
  if (typeof config === 'object') {
    const read = readConfigurationObject(config, { ...surroundingsOf(null), contractFaults });
    return requireConfiguration(read, 'the configuration');
  }
  if (config !== undefined) return requireConfiguration(checkConfiguration(config), config);
  const file = data !== undefined && rememberGrants === true ? rememberedConfiguration(resolve(data)) : null;
  if (file === null) return null;
  const read = checkConfiguration(file);
  const [first] = read.mistakes;
  if (unfinished !== 'hold' || first === undefined) return requireConfiguration(read, file);
  // Who only looks needs nothing of it: a secret that is not at hand, say, should keep nobody from looking.
  onFailure?.({
    deploy: 0,
    code: 'config_invalid',
    message: `the configuration is left out, for it has mistakes: ${mistakeLine(file, first)}`,
    hint: `powerbox config check ${file} shows all of them`,
    source: 'configuration',
    dropped: 0,
  });
  return null;
}

/** What is wrong with a configuration file, and what it says where nothing is. Opens nothing. */
export function checkConfiguration(file: string): ConfigurationRead {
  const path = resolve(file);
  return readConfigurationFile(path, { ...surroundingsOf(path), contractFaults });
}
