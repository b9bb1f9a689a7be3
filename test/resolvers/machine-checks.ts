/** Everything that a doctor looks at in every machine, in the order in which it tells. */
export const MACHINE_CHECKS: readonly string[] = [
  'node',
  'cores',
  'memory',
  'disk',
  'disk free',
  'open files',
  'clock',
  'entropy',
  'loopback',
  'sync',
  'evaluation',
  'clock steps',
];
