/** What a step runs, and whose its end is. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandOf, judge, reproduceCommand, type StepEnd, type ToolName } from '../../lib/steps/steps.ts';
import { makeTemp, removeTemp, run } from '../helpers/run.ts';
import { configWith, hostWith, jobWith, productWith } from './site.ts';

function end(more: Partial<StepEnd> = {}): StepEnd {
  return { status: 0, logTail: '', results: ['hello_1.0_amd64.changes', 'hello_1.0_amd64.deb'], refused: [], ...more };
}

describe('commandOf', () => {
  it.each([
    ['amd64', true, '--arch=amd64 --arch-all --no-run-lintian'],
    ['amd64', false, '--arch=amd64 --no-arch-all --no-run-lintian'],
    ['all', true, '--arch=amd64 --arch-all --no-arch-any --no-run-lintian'],
  ])('sbuild for %s with arch:all %s says %s', async (architecture, buildsAll, expected) => {
    const { command, tool, env, inputs } = await commandOf(configWith(), jobWith({ architecture, buildsAll }), 'build', hostWith());
    expect(command).toContain(expected);
    expect(command).toContain('--chroot-mode=schroot -c buildme-test-bookworm-amd64 -d bookworm ');
    expect(tool).toBe('sbuild');
    expect(env).toMatchObject({ BUILDME_SOURCE: 'hello', BUILDME_ARCH: architecture, BUILDME_SUITE: 'bookworm', BUILDME_BASE: 'bookworm' });
    expect(inputs).toEqual(['/job/in/hello_1.0.dsc']);
  });

  it('sbuild in user namespaces takes the tarball', async () => {
    const { command } = await commandOf(configWith(), jobWith(), 'build', hostWith({ sbuildMode: 'unshare' }));
    expect(command).toContain('--chroot-mode=unshare -c /chroots/bookworm-amd64.tar ');
  });

  it('a build_command replaces the tool and is judged as plain', async () => {
    const config = configWith({ product: productWith({ buildCommand: 'make "x y"' }) });
    expect(await commandOf(config, jobWith(), 'build', hostWith())).toMatchObject({ tool: 'plain', command: 'make "x y"' });
  });

  it('sbdmock gets a target of its own for each architecture', async () => {
    const config = configWith({ product: productWith({ tool: 'sbdmock', chroot: 'fremantle' }) });
    const { command } = await commandOf(config, jobWith({ architecture: 'armel', buildsAll: false }), 'build', hostWith());
    expect(command).toContain('sbdmock -r fremantle-armel -B ');
  });

  it('a name with a quote in it stays one word', async () => {
    const config = configWith({ product: productWith({ tool: 'plain' }) });
    const { command } = await commandOf(config, jobWith({ dsc: "a'; touch x;'.dsc" }), 'build', hostWith());
    expect(command).toContain(`"$BUILDME_IN"/'a'\\''; touch x;'\\''.dsc' source`);
  });

  it('a test gets the regular results of the last build that was ok', async () => {
    const temp = await makeTemp('steps');
    try {
      await mkdir(join(temp, 'attempts/2/out'), { recursive: true });
      await mkdir(join(temp, 'attempts/3/out'), { recursive: true });
      await writeFile(join(temp, 'attempts/2/out/b.deb'), '');
      await writeFile(join(temp, 'attempts/2/out/a.changes'), '');
      await symlink('/etc/passwd', join(temp, 'attempts/2/out/link'));
      const verdict = (attempt: number, step: string, said: string) => ({
        time: '',
        stage: 'collect',
        event: 'verdict',
        attempt,
        step,
        verdict: said,
      });
      const job = jobWith({ steps: ['build', 'lint'] }, temp, [
        verdict(1, 'build', 'host'),
        verdict(2, 'build', 'ok'),
        verdict(3, 'lint', 'host'),
      ]);
      const config = configWith({ tests: [{ name: 'lint', command: 'lintian *.changes', gate: true }] });
      const step = await commandOf(config, job, 'lint', hostWith());
      expect(step).toMatchObject({ tool: 'plain', command: 'lintian *.changes' });
      expect(step.inputs).toEqual([join(temp, 'attempts/2/out/a.changes'), join(temp, 'attempts/2/out/b.deb')]);
    } finally {
      await removeTemp(temp);
    }
  });

  it.each([
    ['sbuild without a chroot', configWith({ product: productWith({ chroot: undefined }) }), 'build', 'E_NO_CHROOT'],
    ['a test that is gone', configWith(), 'lint', 'E_NO_TEST'],
  ])('%s is the fault of the configuration', async (_, config, step, code) => {
    await expect(commandOf(config, jobWith(), step, hostWith())).rejects.toMatchObject({ name: 'ConfigError', code });
  });
});

describe('judge', () => {
  it.each([
    ['aborted', { status: 143, limit: 'aborted' }, 'aborted'],
    ['aborted although it ended well', { status: 0, limit: 'aborted' }, 'aborted'],
    ['too slow', { status: 124, limit: 'timeout' }, 'package'],
    ['too much log', { status: 2, limit: 'log' }, 'package'],
    ['without a status', { status: null }, 'host'],
  ] as const)('%s: the same for every tool', (_, more, verdict) => {
    for (const tool of ['sbuild', 'sbdmock', 'plain'] as const) expect(judge(tool, 'build', end(more)).verdict).toBe(verdict);
  });

  const unmet = [
    'The following packages have unmet dependencies:',
    ' sbuild-build-depends-main-dummy : Depends: no-such-thing (>= 3) but it is not installable',
    '                                   Depends: another but 1.0 is to be installed',
    'Fail-Stage: install-deps',
  ].join('\n');

  it.each<[ToolName, number, string, string]>([
    ['plain', 0, '', 'ok'],
    ['plain', 1, '', 'package'],
    ['plain', 69, '', 'dependency'],
    ['plain', 75, '', 'host'],
    ['plain', 127, '', 'package'],
    ['sbuild', 0, '', 'ok'],
    ['sbuild', 2, 'Fail-Stage: build\n', 'package'],
    ['sbuild', 3, unmet, 'dependency'],
    ['sbuild', 3, 'E: Failed to fetch x 404\nFail-Stage: install-deps\n', 'host'],
    ['sbuild', 1, 'E: nosuch: Chroot not found\nFail-Stage: create-session\n', 'host'],
    ['sbuild', 1, 'Fail-Stage: unpack\n', 'package'],
    ['sbuild', 1, 'Fail-Stage: build\nFail-Stage: check-space\n', 'host'],
    ['sbuild', 127, 'sh: sbuild: not found', 'host'],
    ['sbuild', 137, '', 'host'],
    ['sbdmock', 0, '', 'ok'],
    ['sbdmock', 1, '', 'host'],
    ['sbdmock', 10, '', 'package'],
    ['sbdmock', 20, '', 'host'],
    ['sbdmock', 30, '', 'host'],
    ['sbdmock', 40, 'Error occured: Source package verification failed: x', 'package'],
    ['sbdmock', 40, 'Error occured: Unable to satisfy build-deps: liba, libb', 'dependency'],
    ['sbdmock', 50, '', 'host'],
  ])('%s with %i after "%s" is %s', (tool, status, logTail, verdict) => {
    expect(judge(tool, 'build', end({ status, logTail })).verdict).toBe(verdict);
  });

  it.each<[ToolName, number, string, RegExp]>([
    ['sbuild', 1, 'E: nosuch: Chroot not found\nE: Error creating chroot session: skipping x\n', /buildme chroot create NAME HOST/],
    ['sbuild', 127, '', /apt-get install sbuild/],
    ['plain', 127, '', /not installed on the host/],
  ])('%s with %i after "%s" says what to do', (tool, status, logTail, reason) => {
    expect(judge(tool, 'build', end({ status, logTail })).reason).toMatch(reason);
  });

  it('missing dependencies are named', () => {
    expect(judge('sbuild', 'build', end({ status: 3, logTail: unmet })).missing).toEqual(['no-such-thing (>= 3)', 'another']);
    expect(judge('sbdmock', 'build', end({ status: 40, logTail: 'Unable to satisfy build-deps: liba, libb' })).missing).toEqual([
      'liba',
      'libb',
    ]);
    const log = 'dpkg-checkbuilddeps: error: Unmet build dependencies: debhelper-compat (= 13) libx-dev\n';
    expect(judge('plain', 'build', end({ status: 69, logTail: log })).missing).toEqual(['debhelper-compat (= 13)', 'libx-dev']);
  });

  it('what a package prints about its success decides nothing', () => {
    expect(judge('sbuild', 'build', end({ status: 2, logTail: 'Status: successful\nFail-Stage: create-session\n' })).verdict).toBe(
      'package',
    );
    expect(judge('plain', 'build', end({ status: 1, logTail: 'exit status 75\n' })).verdict).toBe('package');
  });

  it.each([
    ['none', [], [], /no \.changes/],
    ['two', ['a.changes', 'b.changes', 'c.deb'], [], /2 \.changes \(a\.changes, b\.changes\)/],
    ['a link', ['a.changes'], ['"l" is a symbolic link, not a regular file'], /"l" is a symbolic link/],
  ])('a build that leaves %s is the fault of the package', (_, results, refused, reason) => {
    const judgement = judge('plain', 'build', end({ results, refused }));
    expect(judgement.verdict).toBe('package');
    expect(judgement.reason).toMatch(reason);
  });

  it('what a test leaves does not matter', () => {
    expect(judge('plain', 'lint', end({ results: [], refused: ['"l" is a symbolic link'] }))).toEqual({
      verdict: 'ok',
      reason: 'the command succeeded',
      evidence: [],
    });
  });

  it('a reason from a log holds no control characters', () => {
    const { reason } = judge('sbdmock', 'build', end({ status: 20, logTail: 'Error occured: \u001b[1mno\u0007 root\r\n' }));
    expect(reason).toBe('sbdmock could not work (its root, exit status 20): no root');
  });
});

describe('reproduceCommand', () => {
  it('is a line that does what the attempt did, in the directory of its inputs', async () => {
    const temp = await makeTemp('reproduce');
    try {
      const job = jobWith({ version: "1.0~it's" });
      const line = reproduceCommand(job, {
        tool: 'plain',
        command: `echo "$BUILDME_VERSION" 'a b'; ls "$BUILDME_IN"; ls "$BUILDME_OUT" | wc -l`,
      });
      await writeFile(join(temp, 'x.dsc'), '');
      expect(line).not.toContain('\n');
      expect(await run(['sh', '-c', line], { cwd: temp })).toBe("1.0~it's a b\nx.dsc\n0\n");
    } finally {
      await removeTemp(temp);
    }
  });

  it("leaves out what a tool's own line does not name", () => {
    expect(reproduceCommand(jobWith(), { tool: 'sbuild', command: 'exec sbuild "$BUILDME_IN"/x.dsc' })).toBe(
      `BUILDME_IN="$PWD" BUILDME_OUT="$(mktemp -d)" sh -c 'exec sbuild "$BUILDME_IN"/x.dsc'`,
    );
  });
});
