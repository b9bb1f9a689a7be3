/**
 * The files outside src/platform that may touch the machine, what of it each touches, and why it must. An
 * adapter has a simulated twin, or is where the program meets its user.
 */
export const ADAPTERS = [
  {
    file: 'src/store/level-store.ts',
    touches: ['files'],
    reason: 'Opens the two databases of a data directory; its twin is the simulated store.',
  },
  {
    file: 'src/store/directory.ts',
    touches: ['files', 'processes'],
    reason: 'Makes and reads a data directory, and says in its lock file which process has it open.',
  },
  {
    file: 'src/store/durable-file.ts',
    touches: ['files'],
    reason: 'Writes files that are there wholly or not at all; used by the data directory and the blobs.',
  },
  {
    file: 'src/store/file-blobs.ts',
    touches: ['files'],
    reason: 'Keeps blobs as files; its twin is the simulated store.',
  },
  {
    file: 'src/store/conformance/store.ts',
    touches: ['randomness'],
    reason: 'Hashes what it stores with the library itself, so as not to trust what is under test.',
  },
];
