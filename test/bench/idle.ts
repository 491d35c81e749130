/** An idle stage against `node -e 0`, with much in done, rejected, sent and the repository: CPU seconds of the whole process. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BUILDME, makeSite } from '../helpers/site.ts';
import { aboutMachine, pairs, report, timeCommand } from './measure.ts';

const ENTRIES = 10_000;
const RUNS = 10;
const PAIRS = 9;
const TARGET = 1.3;
/** sweep runs once a day and looks at everything: it is never idle. */
const STAGES = ['verify', 'dispatch', 'collect', 'accept', 'publish', 'sync', 'notify'];

const site = await makeSite();
try {
  await site.stage('publish');
  await site.stage('sync');
  for (const state of ['done', 'rejected', 'sent']) {
    for (let index = 0; index < ENTRIES; index += 1)
      await mkdir(join(site.spool, state, `source_${index}_amd64_0123456789ab`), { recursive: true });
  }
  for (let index = 0; index < ENTRIES; index += 1) await writeFile(join(site.dir, 'repositories/extras/pool', `file_${index}.deb`), '');
  process.stdout.write(
    `idle: ${ENTRIES} entries in each of done, rejected, sent, and files in the pool; ${RUNS} runs a sample; ${aboutMachine()}\n`,
  );
  let missed = 0;
  for (const stage of STAGES) {
    const samples = await pairs(
      PAIRS,
      () => timeCommand(`${process.execPath} ${BUILDME} -c ${site.configFile} ${stage}`, RUNS),
      () => timeCommand(`${process.execPath} -e 0`, RUNS),
    );
    if (!report(`idle ${stage}`, 'node -e 0', samples, 'cpu', TARGET)) missed += 1;
  }
  process.exitCode = missed === 0 ? 0 : 1;
} finally {
  await site.remove();
}
