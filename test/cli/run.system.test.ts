/** `buildme run`: woken by what changes, not by the clock; ended by SIGTERM with everything in order. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { QUICK_BUILD } from '../helpers/quick_build.ts';
import { makeTemp, removeTemp, until } from '../helpers/run.ts';
import { BUILDME, makeSite, type Site } from '../helpers/site.ts';
import { expectLegalStates, treeOf } from '../helpers/tree.ts';
import { writeUpload } from '../helpers/upload.ts';

let site: Site;
let made: string;
beforeAll(async () => {
  made = await makeTemp('upload');
  await writeFile(join(made, 'build.sh'), QUICK_BUILD);
  site = await makeSite({ product: { build_command: `sh ${join(made, 'build.sh')}` } });
});
afterAll(async () => {
  await site.remove();
  await removeTemp(made);
});

it('an upload is published and told without waiting for a minute to pass, and SIGTERM ends it cleanly', async () => {
  const child = spawn(process.execPath, [BUILDME, '-c', site.configFile, 'run'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  try {
    await until('the first serial', async () => (await site.buildme('status', '--json')).stdout.includes('"idle":true'));
    const { names } = await writeUpload(made, { key: site.uploader, distribution: 'stable' });
    await site.drop(made, names);
    // cron would need four minutes for this.
    const mails = await until('both mails', () => (site.smtp.mails.length === 2 ? site.smtp.mails : undefined), 30_000);
    expect(mails.map(({ subject }) => subject.replace(/.*: /, '')).sort()).toEqual(['published', 'queued']);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(said).toBe('');
    expect((await treeOf(site.spool, ['done'])).done).toHaveLength(1);
    await expectLegalStates(site.spool);
  } finally {
    child.kill('SIGKILL');
  }
});
