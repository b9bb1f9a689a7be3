/** Every group of commands, in the order of the help. A new one is a file of this folder and a line here. */
import { registerAudit } from './audit.ts';
import type { Register } from './command.ts';
import { registerConfig } from './config.ts';
import { registerDoctor } from './doctor.ts';
import { registerExplain } from './explain.ts';
import { registerGrants } from './grants.ts';
import { registerInspect } from './inspect.ts';
import { registerRun } from './run.ts';
import { registerService } from './service.ts';
import { registerSystem } from './system.ts';

export const COMMANDS: readonly Register[] = [
  registerRun,
  registerInspect,
  registerExplain,
  registerConfig,
  registerSystem,
  registerDoctor,
  registerService,
  registerGrants,
  registerAudit,
];
