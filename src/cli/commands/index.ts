/** Every group of commands, in the order of the help. A new one is a file of this folder and a line here. */
import { registerAudit } from './audit.ts';
import { registerBackup } from './backup.ts';
import type { Register } from './command.ts';
import { registerConfig } from './config.ts';
import { registerDoctor } from './doctor.ts';
import { registerForked } from './forked.ts';
import { registerExplain } from './explain.ts';
import { registerGrants } from './grants.ts';
import { registerInfo } from './info.ts';
import { registerInspect } from './inspect.ts';
import { registerReplay } from './replay.ts';
import { registerRun } from './run.ts';
import { registerServe } from './serve.ts';
import { registerService } from './service.ts';
import { registerSpace } from './space.ts';
import { registerSystem } from './system.ts';
import { registerTrace } from './trace.ts';
import { registerToken } from './token.ts';

export const COMMANDS: readonly Register[] = [
  registerRun,
  registerServe,
  registerToken,
  registerInspect,
  registerTrace,
  registerReplay,
  registerExplain,
  registerForked,
  registerConfig,
  registerSystem,
  registerDoctor,
  registerService,
  registerGrants,
  registerAudit,
  registerInfo,
  registerSpace,
  registerBackup,
];
