/** One package through every stage, as crontab.example runs them: a process each, on a real spool, published and fetched by apt. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { QUICK_BUILD } from './helpers/quick_build.ts';
import { makeTemp, removeTemp, until } from './helpers/run.ts';
import { makeSite, type Site } from './helpers/site.ts';
import { expectLegalStates } from './helpers/tree.ts';
import { writeUpload } from './helpers/upload.ts';

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

async function status(): Promise<{
  idle: boolean;
  states: Record<string, number>;
  jobs: { id: string; state: string; reason: string | null }[];
}> {
  return JSON.parse((await site.buildme('status', '--json')).stdout.toString());
}

it('an upload goes through every stage to the mirror, and its uploader is told', async () => {
  const upload = await writeUpload(made, { key: site.uploader, distribution: 'stable' });
  await site.drop(made, upload.names);
  await site.stage('verify');
  expect((await status()).states).toMatchObject({ queued: 1, uploads: 1, rejected: 0 });
  await site.stage('dispatch');
  expect((await status()).states).toMatchObject({ queued: 0, running: 1 });
  await until('the build to be collected', async () => {
    await site.stage('collect');
    return (await status()).states.running === 0;
  });
  expect((await status()).states).toMatchObject({ built: 1, failed: 0 });
  await site.stage('accept');
  expect((await status()).states).toMatchObject({ accepted: 1, repo_queue: 1 });
  await site.stage('publish');
  await site.stage('accept');
  expect((await status()).states).toMatchObject({ done: 1, repo_queue: 0 });
  await site.stage('sync');
  await site.stage('notify');
  expect(await status()).toMatchObject({ idle: true, states: { sent: 2, outbox: 0, incoming: 0 } });
  expect(site.smtp.mails.map(({ subject }) => subject).sort()).toEqual([
    expect.stringMatching(/^\[local\] pebble 1\.0-1 \w+: published$/),
    '[local] pebble 1.0-1 source: queued',
  ]);
  expect(await readdir(join(site.live, 'dists', 'stable'))).toContain('InRelease');
  await expectLegalStates(site.spool);
});
