/** What an operator sees of hostile and of moving things: nothing that a terminal obeys, and no bug of ours. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run } from '../helpers/run.ts';
import { BUILDME, makeSite, type Site } from '../helpers/site.ts';
import { writeUpload } from '../helpers/upload.ts';

let site: Site;
let id: string;
beforeAll(async () => {
  site = await makeSite({ product: { build_command: String.raw`printf '\033[2Jcleared\033]0\073title\007\n' && exit 2` } });
  const made = join(site.dir, 'made');
  await mkdir(made);
  const { names } = await writeUpload(made, { key: site.uploader, distribution: 'stable' });
  await site.drop(made, names);
  await site.stage('verify');
  await site.stage('dispatch');
  const [job] = (await status()).jobs;
  id = job?.id ?? '';
  while ((await status()).states.failed !== 1) await site.stage('collect');
});
afterAll(() => site.remove());

async function status(): Promise<{ states: Record<string, number>; jobs: { id: string; state: string; reason: string | null }[] }> {
  const result = await site.buildme('status', '--json');
  expect(result.stderr).toBe('');
  return JSON.parse(result.stdout.toString());
}

it('a terminal gets a log without what it would obey, a file gets it whole', async () => {
  expect((await site.buildme('log', id)).stdout.toString()).toContain('\u001b[2J');
  const shown = await run(['script', '-qec', `${process.execPath} ${BUILDME} -c ${site.configFile} log ${id}`, '/dev/null']);
  expect(shown).toContain('cleared');
  expect(shown).not.toContain('\u001b');
});

it('a refused upload is no job, and asking for it says so', async () => {
  await writeFile(join(site.incoming, 'gravel_1.0_source.changes'), 'Source: gravel\nVersion: 1.0\n');
  while ((await status()).states.rejected !== 1) await site.stage('verify');
  expect(await site.buildme('status', 'gravel')).toMatchObject({ status: 1, stderr: expect.stringContaining("no job 'gravel'") });
});

it('a job that cannot be read is shown as such, and hides no other', async () => {
  const damaged = join(site.spool, 'ended', 'gone_1.0_amd64_0123456789ab');
  await mkdir(damaged);
  await writeFile(join(damaged, 'job.json'), '{');
  const { jobs } = await status();
  expect(jobs.map((job) => job.id).sort()).toEqual(['gone_1.0_amd64_0123456789ab', id].sort());
  expect(jobs.find((job) => job.state === 'ended')?.reason).toMatch(/cannot be read/);
  await rm(damaged, { recursive: true });
});

it('two retries at once queue it once', async () => {
  const both = await Promise.all([site.buildme('retry', id), site.buildme('retry', id)]);
  expect(both.map((result) => result.status).sort()).toEqual([0, 1]);
  expect((await status()).states).toMatchObject({ queued: 1, failed: 0 });
});
