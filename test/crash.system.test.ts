/**
 * kill -9 before and after every commit point of every stage. The points are found by counting renames (BUILDME_CRASH_AT), not by a list.
 * After each, ordinary ticks reach the same end: the same packages in the mirror, one Message-ID for each notice, legal states only.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exec } from '../lib/exec.ts';
import { QUICK_BUILD } from './helpers/quick_build.ts';
import { makeTemp, removeTemp, run, until } from './helpers/run.ts';
import { BUILDME, makeSite, type Site } from './helpers/site.ts';
import { expectLegalStates } from './helpers/tree.ts';
import { writeUpload } from './helpers/upload.ts';

/** What a tick after an upload goes through; collect waits for the build outside. */
const STAGES = ['verify', 'dispatch', 'collect', 'accept', 'publish', 'accept', 'sync', 'notify'] as const;

let site: Site;
let snapshots: string;
let quick: string;
beforeAll(async () => {
  quick = await makeTemp('quick');
  const script = join(quick, 'build.sh');
  await writeFile(script, QUICK_BUILD);
  site = await makeSite({ product: { build_command: `sh ${script}` } });
  snapshots = await makeTemp('crash');
  const made = await makeTemp('upload');
  const upload = await writeUpload(made, { key: site.uploader, distribution: 'stable' });
  const refused = await writeUpload(made, { key: site.uploader, distribution: 'elsewhere', source: 'wrong' });
  await site.drop(made, [...upload.names, ...refused.names]);
  await removeTemp(made);
});
afterAll(async () => {
  await site.remove();
  await removeTemp(snapshots);
  await removeTemp(quick);
});

/** Runs a stage as cron does; dies at a commit point when told to. True: it was killed. */
async function runStage(stage: string, crashAt?: number): Promise<boolean> {
  const env = { ...process.env, ...(crashAt === undefined ? {} : { BUILDME_CRASH_AT: String(crashAt) }) };
  const result = await exec([process.execPath, BUILDME, '-c', site.configFile, stage], { env });
  if (result.signal !== 'SIGKILL' && result.status !== 0) throw new Error(`${stage} at ${crashAt}: ${result.status} ${result.stderr}`);
  return result.signal === 'SIGKILL';
}

async function buildEnded(): Promise<void> {
  const work = join(site.dir, 'work');
  await until('the build to end', async () => {
    const dirs = await readdir(work).catch(() => []);
    for (const dir of dirs)
      if (
        (await readdir(join(work, dir))).includes('begun') &&
        !(await readdir(join(work, dir))).includes('status') &&
        !(await readdir(join(work, dir, 'begun'))).includes('closed')
      )
        return false;
    return true;
  });
}

/** Nothing of the site runs any more: what is laid in its place next meets no process of before. */
async function quiet(): Promise<void> {
  const work = join(site.dir, 'work');
  await until('every process of the site to end', async () => {
    const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const lines = await Promise.all(processes.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
    return !lines.some((line) => line.includes(work));
  });
}

/** Ticks until everything that can move has moved. */
async function toTheEnd(): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    await buildEnded();
    const result = await site.buildme('tick', '--all');
    expect(result.stderr).toBe('');
    await buildEnded();
    const status = JSON.parse((await site.buildme('status', '--json')).stdout.toString()) as { idle: boolean };
    if (status.idle) return;
  }
  throw new Error(`not idle after six ticks: ${(await site.buildme('status')).stdout}`);
}

/** What a user sees at the end: packages with their digests, Message-IDs, where each entry lies. */
async function outcome(): Promise<unknown> {
  const pool = (await run(['find', join(site.live, 'pool'), '-type', 'f', '-printf', '%P %s\\n'])).split('\n').sort();
  const packages = await readFile(
    join(
      site.live,
      'dists/stable/main',
      (await readdir(join(site.live, 'dists/stable/main'))).find((name) => name.startsWith('binary-')) ?? '',
      'Packages.gz',
    ),
  );
  const states = Object.fromEntries(
    await Promise.all(
      ['done', 'rejected', 'failed', 'queued', 'running', 'corrupt'].map(async (state) => [
        state,
        (await readdir(join(site.spool, state))).map((name) => (state === 'running' ? '' : name)),
      ]),
    ),
  );
  const sent = await Promise.all(
    (await readdir(join(site.spool, 'sent'))).map((name) =>
      readFile(join(site.spool, 'sent', name, 'notice.json'), 'utf8').then((text) => (JSON.parse(text) as { kind: string }).kind),
    ),
  );
  return {
    pool,
    packages: (await exec(['gzip', '-dc'], { input: packages })).stdout.toString(),
    done: states.done,
    rejected: states.rejected,
    failed: await Promise.all(
      (states.failed ?? []).map(async (id: string) => `${id}: ${await readFile(join(site.spool, 'failed', id, 'reason'), 'utf8')}`),
    ),
    queued: states.queued,
    corrupt: states.corrupt,
    sent: sent.sort(),
  };
}

it('every commit point of every stage survives kill -9', async () => {
  // One whole run, with a copy of the site before each stage.
  for (const [index, stage] of STAGES.entries()) {
    if (stage === 'collect') await buildEnded();
    await run(['cp', '-a', site.dir, join(snapshots, String(index))]);
    expect(await runStage(stage)).toBe(false);
  }
  await toTheEnd();
  const expected = await outcome();
  expect(expected).toMatchObject({ failed: [], queued: [], corrupt: [], sent: ['published', 'queued', 'rejected'] });
  const mails = new Set(site.smtp.mails.map(({ messageId }) => messageId));
  expect(mails.size).toBe(3);

  const counts: string[] = [];
  let points = 0;
  for (const [index, stage] of STAGES.entries()) {
    for (let at = 0; ; at += 1) {
      await quiet();
      await removeTemp(site.dir);
      await run(['cp', '-a', join(snapshots, String(index)), site.dir]);
      if (!(await runStage(stage, at))) {
        counts.push(`${stage} ${at / 2}`);
        break;
      }
      points += 1;
      await toTheEnd();
      expect(await outcome(), `${stage} killed at ${at}`).toEqual(expected);
      await expectLegalStates(site.spool);
      const ids = new Set(site.smtp.mails.map(({ messageId }) => messageId));
      expect(ids, `${stage} killed at ${at}: mails`).toEqual(mails);
    }
  }
  process.stdout.write(`crash points: ${points} (commit points: ${counts.join(', ')})\n`);
  expect(points).toBeGreaterThan(20);
}, 1_200_000);
