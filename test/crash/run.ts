/**
 * The crash test as a command: `npm run soak:crash -- --kills 5000`, or one directory again with `--workload` and
 * `--at`; `--workload network` is the one of network effects. Prints each failure with the line that runs it again; exit code 1 when there was one.
 */
import { parseArgs } from 'node:util';
import { campaign, type CampaignResult, type Kill, MOMENTS, repeat } from './campaign.ts';
import type { Moment, Plant, WorkloadName } from './messages.ts';
import { networkCampaign, networkDirectory, type NetworkKill } from './network.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '5000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workload: { type: 'string', default: 'files' },
    at: { type: 'string' },
    plant: { type: 'string' },
  },
});

/** `append:after:7` or `120ms`. */
function killOf(text: string): Kill {
  const parts = /^(?:(.+):(\d+)|(\d+)ms)$/.exec(text);
  if (parts === null) throw new Error(`${text} is no kill: write append:after:7 or 120ms`);
  if (parts[3] !== undefined) return { after_ms: Number(parts[3]) };
  if (!(MOMENTS as readonly string[]).includes(parts[1] as string))
    throw new Error(`no moment ${parts[1]}: there are ${MOMENTS.join(', ')}`);
  return { at: parts[1] as Moment, pass: Number(parts[2]) };
}

/** As `killOf`, or `request:3`. */
function networkKillOf(text: string): NetworkKill {
  const request = /^request:(\d+)$/.exec(text)?.[1];
  return request === undefined ? killOf(text) : { request: Number(request) };
}

function run(): Promise<CampaignResult> {
  const plant = values.plant as Plant | undefined;
  if (values.at !== undefined) return repeat(values.workload as WorkloadName, values.at.split(',').map(killOf), plant);
  process.stdout.write(`seed ${values.seed}, ${values.kills} kills\n`);
  return campaign({
    seed: Number(values.seed),
    kills: Number(values.kills),
    ...(plant === undefined ? {} : { plant }),
    progress: (killed) => killed % 100 === 0 && process.stdout.write(`${killed} kills\n`),
  });
}

async function runNetwork(): Promise<void> {
  const seed = Number(values.seed);
  const plant = values.plant as Plant | undefined;
  const result = await (values.at === undefined
    ? networkCampaign({
        seed,
        kills: Number(values.kills),
        plant,
        progress: (killed) => process.stdout.write(`${killed} kills\n`),
      })
    : networkDirectory(values.at.split(',').map(networkKillOf), seed, plant));
  const { killed, directories, repeated, interrupted } = result;
  process.stdout.write(
    `${killed} kills in ${directories} directories, ${repeated} changes made again by their key, ${interrupted} interrupted: none seen twice\n`,
  );
}

async function runLocal(): Promise<void> {
  const { killed, killedAt, directories, interrupted } = await run();
  for (const moment of MOMENTS) process.stdout.write(`${String(killedAt.get(moment) ?? 0).padStart(6)} at ${moment}\n`);
  process.stdout.write(
    `${killed} kills in ${directories} directories, ${interrupted} effects interrupted: nothing lost, nothing twice\n`,
  );
}

try {
  await (values.workload === 'network' ? runNetwork() : runLocal());
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
