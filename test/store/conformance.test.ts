/** Every engine obeys the same laws: on level, in memory, and simulated. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { realPlatform, simulatedPlatform } from '../../src/platform/index.ts';
import { byItself, storeConformance } from '../../src/store/conformance/index.ts';
import {
  type Durability,
  openMemoryStore,
  openSimulatedStore,
  openStore,
  SimulatedDisk,
} from '../../src/store/index.ts';

const runner = { describe, it };
const platform = realPlatform();

for (const durability of ['sync', 'os'] satisfies Durability[]) {
  describe(`the store on level, durability ${durability}`, () => {
    storeConformance(runner, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'powerbox-store-'));
      return {
        open: () => openStore({ directory, durability, platform }),
        survives: true,
        drive: byItself,
        dispose: () => rm(directory, { recursive: true, force: true }),
      };
    });
  });
}

describe('the store in memory', () => {
  storeConformance(runner, async () => ({
    open: async () => openMemoryStore(platform),
    survives: false,
    drive: byItself,
    dispose: async () => {},
  }));
});

let seed = 0;
describe('the simulated store', () => {
  storeConformance(runner, async () => {
    const simulated = simulatedPlatform(++seed);
    const disk = new SimulatedDisk(simulated);
    return {
      open: () => openSimulatedStore(disk),
      survives: true,
      drive: (work) => simulated.run(work()),
      dispose: async () => {},
    };
  });
});
