/** sbdmock's conventions. The real one needs Python 2 and scratchbox, so a program that keeps to the same conventions stands in for it. */
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exec } from '../../lib/exec.ts';
import { commandOf, judge } from '../../lib/steps/steps.ts';
import type { Judgement } from '../../lib/steps/verdict.ts';
import { makeTemp, removeTemp } from '../helpers/run.ts';
import { configWith, hostWith, jobWith, productWith } from './site.ts';

let temp: string;

beforeEach(async () => {
  temp = await makeTemp('sbdmock');
  for (const name of ['bin', 'in', 'out', 'work']) await mkdir(join(temp, name));
  await writeFile(join(temp, 'in', 'hello_1.0.dsc'), '');
});
afterEach(() => removeTemp(temp));

/** Runs the step with a stand-in that checks its call, prints its states and ends as `ends` says. */
async function step(ends: string): Promise<{ judgement: Judgement; log: string; results: string[] }> {
  const fake = [
    '#!/bin/sh',
    '[ "$1 $2 $3 $4 $6" = "-r fremantle-armel -b --resultdir --statedir" ] && [ "${8##*/}" = hello_1.0.dsc ] || exit 1',
    '[ -d "$5" ] && [ -d "$7" ] && [ "$HOME" != /nowhere ] || exit 20',
    'said() { echo "[2024-07-01 12:00:00] $1" | tee -a "$7/status"; }',
    'for state in init clean prep setup build; do said $state; done',
    'echo "gcc: error: no" >"$5/build.log"; echo apt >"$5/root.log"',
    ends,
  ];
  await writeFile(join(temp, 'bin', 'sbdmock'), `${fake.join('\n')}\n`);
  await chmod(join(temp, 'bin', 'sbdmock'), 0o755);
  const config = configWith({ product: productWith({ tool: 'sbdmock', chroot: 'fremantle' }) });
  const { command } = await commandOf(config, jobWith({ architecture: 'armel' }), 'build', hostWith());
  const env = {
    PATH: `${join(temp, 'bin')}:/usr/bin:/bin`,
    HOME: '/nowhere',
    BUILDME_IN: join(temp, 'in'),
    BUILDME_OUT: join(temp, 'out'),
  };
  const { status, stdout, stderr } = await exec(['sh', '-c', command], { cwd: join(temp, 'work'), env });
  const log = stdout.toString() + stderr;
  const results = await readdir(join(temp, 'out'));
  return { judgement: judge('sbdmock', 'build', { status, logTail: log, results, refused: [] }), log, results };
}

it('results are moved out, logs go to the log', async () => {
  const { judgement, log, results } = await step('said done; touch "$5/hello_1.0_armel.changes" "$5/hello_1.0_armel.deb"');
  expect(judgement.verdict).toBe('ok');
  expect(results.sort()).toEqual(['hello_1.0_armel.changes', 'hello_1.0_armel.deb']);
  expect(log).toContain('== result/build.log\ngcc: error: no\n');
});

it.each([
  [
    'Error occured: Error building package hello_1.0.dsc, See build log',
    10,
    'package',
    /failed to build in state build: Error building package/,
  ],
  ['Error occured: Unable to satisfy build-deps: libfoo-dev, libbar-dev', 40, 'dependency', /libfoo-dev, libbar-dev/],
  ['Error occured: Source package verification failed: md5sum', 40, 'package', /verification failed/],
  ['Error occured: Error peforming apt-get command: update', 30, 'host', /apt, exit status 30\) in state build: Error peforming/],
  ['Error occured: no target', 50, 'host', /scratchbox/],
])('"%s" with exit status %i is %s', async (text, status, verdict, reason) => {
  const { judgement } = await step(`echo '${text}' >&2; exit ${status}`);
  expect(judgement.verdict).toBe(verdict);
  expect(judgement.reason).toMatch(reason);
});

it.each(['sbdmock', 'plain', 'sbuild'] as const)('a log that was made to keep %s busy is read at once', (tool) => {
  const hostile = [
    `Unable to satisfy build-deps: a${' '.repeat(200_000)}b`,
    `Unmet build dependencies: ${'a ('.repeat(70_000)}`,
    `The following packages have unmet dependencies\n${'Depends: a ('.repeat(20_000)}`,
  ];
  const began = performance.now();
  for (const logTail of hostile) {
    for (const status of [1, 3, 40, 69]) judge(tool, 'build', { status, logTail, results: [], refused: [] });
  }
  expect(performance.now() - began).toBeLessThan(2000);
});

it('what the build log shows is the evidence', async () => {
  const { judgement } = await step('exit 10');
  expect(judgement.evidence).toContain('gcc: error: no');
});
