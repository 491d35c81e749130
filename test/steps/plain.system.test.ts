/** The command that plain has by itself, with the real dpkg-buildpackage in what this machine has installed. */
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { exec } from '../../lib/exec.ts';
import { localTransport } from '../../lib/hosts/local.ts';
import { shellHost } from '../../lib/hosts/shell.ts';
import { commandOf, judge } from '../../lib/steps/steps.ts';
import type { Judgement } from '../../lib/steps/verdict.ts';
import { buildSource, type PackageName, type SourceOptions } from '../helpers/packages.ts';
import { makeTemp, removeTemp, run } from '../helpers/run.ts';
import { claimFor, LIMITS } from './attempt.ts';
import { configWith, hostWith, jobWith, productWith } from './site.ts';

let temp: string;
let architecture: string;

beforeAll(async () => {
  temp = await makeTemp('plain');
  architecture = (await run(['dpkg', '--print-architecture'])).trim();
});
afterAll(() => removeTemp(temp));

async function build(
  name: PackageName,
  options: SourceOptions & { readonly buildsAll?: boolean } = {},
): Promise<{ judgement: Judgement; results: readonly string[]; log: string }> {
  const dir = await mkdtemp(join(temp, 'job'));
  const { dsc } = await buildSource(name, join(dir, 'in'), options);
  const files = (await readdir(join(dir, 'in'))).filter((file) => !/\.(changes|buildinfo)$/.test(file));
  const job = jobWith(
    { architecture, dsc, buildsAll: options.buildsAll ?? true, files: files.map((file) => ({ name: file, size: 0, sha256: '' })) },
    dir,
  );
  const command = await commandOf(configWith({ product: productWith({ tool: 'plain' }) }), job, 'build', hostWith());
  const host = shellHost('h', localTransport('h', exec));
  const workdir = join(dir, 'work', 'attempt');
  await host.start(job, claimFor(workdir, command), command);
  await host.wait([workdir], 100_000);
  const end = (await host.poll([workdir])).get(workdir);
  if (end?.state !== 'ended') throw new Error(`${name} is ${end?.state}`);
  await mkdir(join(dir, 'got'));
  const { results, refused } = await host.fetch(workdir, join(dir, 'got'), LIMITS);
  const log = await readFile(join(dir, 'got', 'log'), 'utf8');
  await host.clean(workdir);
  return { judgement: judge('plain', 'build', { status: end.status, logTail: log, results, refused }), results, log };
}

it('a quilt package is unpacked, built and its results are left, the source not', async () => {
  const { judgement, results, log } = await build('pocketcal');
  expect(judgement, log).toMatchObject({ verdict: 'ok' });
  expect(results.filter((file) => !file.includes('dbgsym'))).toEqual([
    `pocketcal_1.4-1_${architecture}.buildinfo`,
    `pocketcal_1.4-1_${architecture}.changes`,
    `pocketcal_1.4-1_${architecture}.deb`,
  ]);
});

it('packages of architecture all are built only when the job says so', async () => {
  expect((await build('tidemark')).results.filter((file) => file.endsWith('_all.deb')).length).toBeGreaterThan(0);
  expect((await build('tidemark', { buildsAll: false })).results.filter((file) => file.endsWith('_all.deb'))).toEqual([]);
});

it('a package that does not compile is to blame', async () => {
  const { judgement } = await build('leakyboat');
  expect(judgement.verdict).toBe('package');
  expect(judgement.evidence.join('\n')).toMatch(/error:/);
});

it('a build dependency that is not installed is named', async () => {
  const prepare = async (tree: string): Promise<void> => {
    const control = join(tree, 'debian/control');
    await writeFile(control, (await readFile(control, 'utf8')).replace(/^Build-Depends: /m, 'Build-Depends: no-such-thing (>= 3), '));
  };
  expect((await build('wordtally', { prepare })).judgement).toMatchObject({ verdict: 'dependency', missing: ['no-such-thing (>= 3)'] });
});
