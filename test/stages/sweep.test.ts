import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { State } from '../../lib/spool/states.ts';
import { sweep } from '../../lib/stages/sweep.ts';
import { HOUR, makeSite, type TestSite } from '../notices/site.ts';

const DAY = 24 * HOUR;

let site: TestSite;
beforeEach(async () => {
  site = await makeSite({ tag: 'sweep' });
});
afterEach(() => site.remove());

function path(below: string): string {
  return join(site.ctx.spool.root, below);
}

/** Writes files below the spool that were last touched `ageMs` ago, their directories too. */
async function put(ageMs: number, ...files: readonly string[]): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(path(file)), { recursive: true });
    await writeFile(path(file), '{}\n');
  }
  const at = new Date(site.ctx.now().getTime() - ageMs);
  for (const file of files) {
    await utimes(path(file), at, at);
    await utimes(dirname(path(file)), at, at);
  }
}

async function putUpload(id: string, jobs: readonly string[]): Promise<void> {
  await mkdir(path(`uploads/${id}`), { recursive: true });
  await writeFile(path(`uploads/${id}/upload.json`), JSON.stringify({ id, jobs, files: [] }));
}

describe('sweep', () => {
  it.each<[State, number]>([
    ['done', 90],
    ['failed', 90],
    ['ended', 90],
    ['rejected', 30],
    ['sent', 30],
  ])('removes from %s what is older than %i days, and nothing younger', async (state, days) => {
    await put((days + 1) * DAY, `${state}/old/journal`);
    await put((days - 1) * DAY, `${state}/young/journal`);
    expect(await sweep(site.ctx)).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(await readdir(path(state))).toEqual(['young']);
    expect(await readdir(path('tmp'))).toEqual([]);
    expect(site.printed).toEqual([]);
  });
  it('counts from the last line of the journal', async () => {
    await put(200 * DAY, 'done/job/job.json');
    await put(DAY, 'done/job/journal');
    await utimes(path('done/job'), new Date(0), new Date(0));
    expect(await sweep(site.ctx)).toMatchObject({ moved: 0 });
  });
  it.each<State>(['uploads', 'held', 'queued', 'waiting', 'built', 'accepted', 'corrupt', 'outbox'])(
    'leaves %s alone, however old',
    async (state) => {
      await put(5000 * DAY, `${state}/job/job.json`);
      if (state === 'uploads') await put(5000 * DAY, 'uploads/job/upload.json', 'uploads/job/jobs/JOB/job.json');
      await put(5000 * DAY, 'running/h/job/job.json');
      await sweep(site.ctx);
      expect(existsSync(path(`${state}/job`))).toBe(true);
      expect(existsSync(path('running/h/job'))).toBe(true);
    },
  );
  it('leaves names that are not ours alone', async () => {
    await put(5000 * DAY, 'done/.hidden/journal', 'done/a b/journal');
    await sweep(site.ctx);
    expect(await readdir(path('done'))).toEqual(['.hidden', 'a b']);
  });
});

describe('litter', () => {
  it('goes after 36 h: all of tmp, and dot files beside ours', async () => {
    const dirs = ['tmp', 'hosts', 'lock', 'mirrors', 'queued/job', 'running/h/job', 'sent', 'uploads/u'];
    await put(37 * HOUR, ...dirs.map((dir) => `${dir}/.new-old`), 'tmp/work/file');
    await put(35 * HOUR, ...dirs.map((dir) => `${dir}/.new-young`), 'tmp/young/file', 'hosts/h1', '.new-young');
    for (const dir of ['hosts', 'lock']) await put(5000 * DAY, `${dir}/keep`);
    await sweep(site.ctx);
    for (const dir of dirs) expect((await readdir(path(dir))).filter((name) => name.startsWith('.new-'))).toEqual(['.new-young']);
    expect((await readdir(path('tmp'))).sort()).toEqual(['.new-young', 'young']);
    expect(await readdir(path('hosts'))).toEqual(['.new-young', 'h1', 'keep']);
  });
  it('that is a link goes without what it leads to', async () => {
    await put(HOUR, 'hosts/h1');
    await symlink(path('hosts'), path('tmp/link'));
    site.pass(40 * HOUR);
    await sweep(site.ctx);
    expect(await readdir(path('tmp'))).toEqual([]);
    expect(existsSync(path('hosts/h1'))).toBe(true);
  });
});

describe('an upload', () => {
  it.each(['queued', 'waiting', 'running/h', 'built', 'accepted', 'failed', 'uploads/u/jobs'])(
    'stays while a job of it is in %s',
    async (place) => {
      await putUpload('u', ['gone', 'JOB']);
      await put(0, `${place}/JOB/job.json`, 'done/gone/job.json');
      expect(await sweep(site.ctx)).toMatchObject({ moved: 0 });
      expect(existsSync(path('uploads/u'))).toBe(true);
    },
  );
  it('goes when its jobs are done, ended, or gone', async () => {
    await putUpload('u', ['a', 'b', 'c']);
    await put(0, 'done/a/job.json', 'ended/b/job.json');
    expect(await sweep(site.ctx)).toMatchObject({ moved: 1 });
    expect(existsSync(path('uploads/u'))).toBe(false);
    expect(existsSync(path('done/a'))).toBe(true);
  });
  it('that cannot be read is told, and does not stop the others', async () => {
    await put(0, 'uploads/bad/upload.json');
    await putUpload('u', []);
    await writeFile(path('uploads/bad/upload.json'), '{');
    expect(await sweep(site.ctx)).toMatchObject({ moved: 1 });
    expect(site.printed).toHaveLength(1);
    expect(existsSync(path('uploads/bad'))).toBe(true);
  });
  it('stays this time when verify is at work', async () => {
    await putUpload('u', []);
    const lock = site.ctx.spool.tryLock('verify');
    expect(await sweep({ ...site.ctx, spool: impatient(site) })).toMatchObject({ moved: 0 });
    lock?.release();
    expect(await sweep(site.ctx)).toMatchObject({ moved: 1 });
  });
});

/** The same spool, but nobody waits long for a lock. */
function impatient({ ctx: { spool } }: TestSite): TestSite['ctx']['spool'] {
  return Object.assign(Object.create(spool) as typeof spool, { waitLock: (name: string) => spool.waitLock(name, 50) });
}

describe('--dry-run', () => {
  it('lists what would go, with why, and changes nothing', async () => {
    await put(91 * DAY, 'done/job/journal');
    await put(40 * HOUR, 'tmp/work/file');
    await putUpload('u', []);
    const lines: string[] = [];
    expect(await sweep({ ...site.ctx, dryRun: true }, (line) => lines.push(line))).toEqual({ moved: 0, kept: 0, broken: 0 });
    expect(lines).toEqual(['tmp/work: left over for 40 h\n', 'done/job: done for 91 days\n', 'uploads/u: none of its jobs lives\n']);
    for (const name of ['done/job', 'tmp/work', 'uploads/u']) expect(existsSync(path(name))).toBe(true);
  });
});
