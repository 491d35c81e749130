/** 100 signed uploads of 1 MB: `buildme verify` (signatures, digests, copies with fsync, jobs) against dscverify, one call each. */
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { makeTemp, removeTemp, run } from '../helpers/run.ts';
import { BUILDME, makeSite } from '../helpers/site.ts';
import { writeUpload } from '../helpers/upload.ts';
import { aboutMachine, pairs, report, timeCommand } from './measure.ts';

const UPLOADS = 100;
const PAIRS = 7;
const TARGET = 0.25;

const site = await makeSite();
const uploads = await makeTemp('bench-uploads');
try {
  for (let index = 0; index < UPLOADS; index += 1) {
    const source = `bench${String(index).padStart(3, '0')}`;
    await writeUpload(uploads, {
      source,
      key: site.uploader,
      distribution: 'stable',
      files: {
        [`${source}_1.0.orig.tar.gz`]: randomBytes(900_000),
        [`${source}_1.0.orig-data.tar.gz`]: randomBytes(60_000),
        [`${source}_1.0-1.debian.tar.xz`]: randomBytes(40_000),
      },
      extra: { [`${source}_1.0-1_amd64.extra.tar.gz`]: randomBytes(1000) },
    });
  }
  const files = await readdir(uploads);
  process.stdout.write(`verify: ${UPLOADS} signed uploads, ${files.length} files; ${aboutMachine()}\n`);
  const ours = async () => {
    await removeTemp(site.spool);
    await run(['sh', '-c', `rm -f ${site.incoming}/* && cp ${uploads}/* ${site.incoming}/ && sync -f ${site.incoming}`]);
    const sample = timeCommand(`${process.execPath} ${BUILDME} -c ${site.configFile} verify`);
    const queued = (await readdir(join(site.spool, 'queued'))).length;
    if (queued !== UPLOADS) throw new Error(`${queued} jobs are queued, not ${UPLOADS}`);
    return sample;
  };
  const keyring = join(site.dir, 'uploaders.gpg');
  const peer = () =>
    timeCommand(
      `cd ${uploads} && for c in *.changes; do dscverify --no-conf --no-default-keyrings --keyring ${keyring} $c || exit 1; done`,
    );
  const samples = await pairs(PAIRS, ours, peer);
  process.exitCode = report('verify', 'dscverify', samples, 'wall', TARGET) ? 0 : 1;
} finally {
  await removeTemp(uploads);
  await site.remove();
}
