/** Base systems made by real mmdebstrap, and real sbuild in them: as root on this machine, and as a user over ssh. One takes half a minute. */
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChroot, removeChroot } from '../../lib/chroots/chroots.ts';
import { placeOf } from '../../lib/chroots/places.ts';
import type { Chroot, HostConfig } from '../../lib/config/types.ts';
import { exists } from '../../lib/disk.ts';
import { exec } from '../../lib/exec.ts';
import type { Host } from '../../lib/hosts/host.ts';
import { openHost } from '../../lib/hosts/hosts.ts';
import type { JobFile } from '../../lib/spool/job.ts';
import { commandOf, judge, reproduceCommand } from '../../lib/steps/steps.ts';
import type { Judgement } from '../../lib/steps/verdict.ts';
import { buildSource, type PackageName, type SourceOptions } from '../helpers/packages.ts';
import { isRoot, makeTemp, removeTemp, run, until } from '../helpers/run.ts';
import { startSshd, type TestSshd } from '../helpers/sshd.ts';
import { makeUser, type TestUser } from '../helpers/user.ts';
import { claimFor, LIMITS } from '../steps/attempt.ts';
import { configWith, hostWith, jobWith } from '../steps/site.ts';

const site = `t${process.pid}`;
const chroot: Chroot = { name: 'bookworm', suite: 'bookworm', packages: ['debhelper'], maxAgeMs: 86_400_000, mirror: undefined };

let temp: string;
let architecture: string;

beforeAll(async () => {
  temp = await makeTemp('chroots');
  await run(['chmod', '755', temp]);
  architecture = (await run(['dpkg', '--print-architecture'])).trim();
});
afterAll(() => removeTemp(temp));

interface Built {
  readonly judgement: Judgement;
  readonly results: readonly string[];
  readonly log: string;
}

/** Builds a package on a host as dispatch and collect would. */
async function build(
  host: Host,
  hostConfig: HostConfig,
  name: PackageName,
  options: SourceOptions & Partial<JobFile> = {},
  whileRunning?: (workdir: string) => Promise<void>,
): Promise<Built> {
  const dir = await mkdtemp(join(temp, 'job'));
  const source = await buildSource(name, join(dir, 'in'), options);
  const names = (await readdir(join(dir, 'in'))).filter((file) => !/\.(changes|buildinfo)$/.test(file));
  const job = jobWith(
    { architecture, dsc: source.dsc, files: names.map((file) => ({ name: file, size: 0, sha256: '' })), ...options },
    dir,
  );
  const command = await commandOf(configWith({ site, chrootDir: join(temp, hostConfig.name) }), job, 'build', hostConfig);
  const workdir = join(hostConfig.workdir, `${basename(dir)}.build.1`);
  await host.start(job, claimFor(workdir, command), command);
  await whileRunning?.(workdir);
  await host.wait([workdir], 240_000);
  const end = (await host.poll([workdir])).get(workdir);
  if (end?.state !== 'ended') throw new Error(`${name} is ${end?.state}`);
  const { results, refused } = await host.fetch(workdir, dir, { ...LIMITS, maxResultBytes: 10_000_000 });
  const log = await readFile(join(dir, 'log'), 'utf8');
  await host.clean(workdir);
  const { status, limit } = end;
  return {
    judgement: judge('sbuild', 'build', { status, logTail: log, results, refused, ...(limit === undefined ? {} : { limit }) }),
    results,
    log,
  };
}

describe.skipIf(!isRoot)('a base system for schroot', () => {
  const hostConfig = (): HostConfig => hostWith({ name: 'here', workdir: join(temp, 'work'), architectures: ['all', architecture] });
  let host: Host;
  const request = () => ({ config: configWith({ site, chrootDir: join(temp, 'here') }), host: hostConfig(), chroot, architecture });
  const place = () => placeOf(request().config.global, chroot.name, architecture);

  beforeAll(async () => {
    host = await openHost({ config: configWith() }, hostConfig());
    expect(await createChroot(host, request())).toBe('made');
  });
  afterAll(async () => {
    await removeChroot(host, request());
    await host.disconnect();
  });

  it('is registered under its own name, and made only once', async () => {
    expect((await run(['schroot', '-l', '--all-chroots'])).split('\n')).toContain(`chroot:${place().schrootName}`);
    expect(await createChroot(host, request())).toBe('kept');
    expect((await readdir(join(temp, 'here'))).filter((name) => name.startsWith('.new'))).toEqual([]);
  });

  it('builds a package of architecture all, of which only results arrive', async () => {
    const { judgement, results, log } = await build(host, hostConfig(), 'wordtally');
    expect(judgement, log).toMatchObject({ verdict: 'ok' });
    expect(results).toEqual(['wordtally_3.2_all.deb', `wordtally_3.2_${architecture}.buildinfo`, `wordtally_3.2_${architecture}.changes`]);
  });

  it('builds nothing of architecture all unless asked to', async () => {
    const { judgement } = await build(host, hostConfig(), 'wordtally', { buildsAll: false });
    expect(judgement).toMatchObject({ verdict: 'package', reason: 'the build succeeded but left no .changes; exactly one is expected' });
  });

  it('a package that does not compile is to blame, and the compiler is quoted', async () => {
    const { judgement } = await build(host, hostConfig(), 'leakyboat');
    expect(judgement).toMatchObject({ verdict: 'package', reason: 'the package failed to build (stage build)' });
    expect(judgement.evidence.join('\n')).toMatch(/error:/);
  });

  it('a build dependency that nobody has is named', async () => {
    const prepare = async (tree: string): Promise<void> => {
      const control = join(tree, 'debian/control');
      await writeFile(control, (await readFile(control, 'utf8')).replace(/^Build-Depends: /m, 'Build-Depends: no-such-thing (>= 3), '));
    };
    const { judgement } = await build(host, hostConfig(), 'wordtally', { prepare });
    expect(judgement).toMatchObject({ verdict: 'dependency', missing: ['no-such-thing (>= 3)'] });
  });

  it('an aborted build leaves no session and no mount behind', async () => {
    const prepare = async (tree: string): Promise<void> => {
      const rules = join(tree, 'debian/rules');
      await writeFile(
        rules,
        `${await readFile(rules, 'utf8')}\noverride_dh_auto_build override_dh_auto_install:\n\techo now it sleeps; sleep 600\n`,
      );
    };
    const { judgement } = await build(host, hostConfig(), 'wordtally', { prepare }, async (workdir) => {
      await until('the build', async () => (await host.readLog(workdir, 0, 1_000_000)).includes('\nnow it sleeps'), 60_000);
      await host.abort(workdir);
    });
    expect(judgement.verdict).toBe('aborted');
    expect(await run(['schroot', '-l', '--all-sessions'])).not.toContain(place().schrootName);
    expect(await readFile('/proc/mounts', 'utf8')).not.toContain(temp);
  });

  it('that is missing is the fault of the host', async () => {
    const elsewhere = { ...hostConfig(), architectures: ['i386'] };
    const { judgement } = await build(host, elsewhere, 'wordtally', { architecture: 'i386' });
    expect(judgement).toMatchObject({ verdict: 'host', reason: expect.stringContaining('buildme chroot create NAME HOST') });
  });

  it('the reproducing line builds the package again', async () => {
    const dir = await mkdtemp(join(temp, 'again'));
    const source = await buildSource('wordtally', dir);
    const job = jobWith({ architecture, dsc: source.dsc }, dir);
    const { command, tool } = await commandOf(request().config, job, 'build', hostConfig());
    const line = reproduceCommand(job, { command, tool });
    expect(await run(['sh', '-c', line], { cwd: dir })).toContain('Status: successful');
  });

  it('that a build stands on outlives a refresh and is not removed; the next refresh removes it', async () => {
    const before = await run(['readlink', place().tree]);
    const session = (await run(['schroot', '-b', '-c', place().schrootName])).trim();
    try {
      expect(await createChroot(host, request(), 'refresh')).toBe('made');
      expect(await run(['readlink', place().tree])).not.toBe(before);
      expect(await run(['schroot', '-r', '-c', session, '-d', '/', '--', 'sh', '-c', 'echo alive'])).toBe('alive\n');
      await expect(removeChroot(host, request())).rejects.toMatchObject({ code: 'E_CHROOT_BUSY' });
    } finally {
      await run(['schroot', '-e', '-c', session]);
    }
    expect(await removeChroot(host, request())).toBe('removed');
    expect(await readdir(join(temp, 'here'))).toEqual([]);
    expect(await exists(place().registration)).toBe(false);
    expect(await removeChroot(host, request())).toBe('absent');
  });

  it('of a suite that the apt sources do not know is refused with what to do', async () => {
    const unknown = { ...request(), chroot: { ...chroot, name: 'nosuch', suite: 'nosuch' } };
    await expect(createChroot(host, unknown)).rejects.toMatchObject({
      name: 'ConfigError',
      message: /do not know the suite nosuch: add mirror = URL/,
    });
  });

  it('whose mirror fails leaves nothing half made', async () => {
    const broken = { ...request(), chroot: { ...chroot, name: 'broken', mirror: 'http://127.0.0.1:9/debian' } };
    await expect(createChroot(host, broken)).rejects.toMatchObject({ name: 'TemporaryError', code: 'E_CHROOT' });
    expect((await readdir(join(temp, 'here'))).filter((name) => /broken/.test(name) && !name.endsWith('.lock'))).toEqual([]);
    expect(await exists(placeOf(broken.config.global, 'broken', architecture).registration)).toBe(false);
  });
});

describe.skipIf(!isRoot)('a user without any privilege, over ssh', () => {
  let user: TestUser;
  let sshd: TestSshd;
  let host: Host;
  const hostConfig = (sbuildMode: 'schroot' | 'unshare'): HostConfig =>
    hostWith({
      name: 'there',
      kind: 'ssh',
      address: { user: user.name, host: sshd.host, port: sshd.port },
      identity: sshd.identity,
      knownHosts: sshd.knownHosts,
      architectures: ['all', architecture],
      workdir: join(user.home, 'work'),
      sbuildMode,
    });
  const request = (sbuildMode: 'schroot' | 'unshare') => ({
    config: configWith({ site, chrootDir: join(temp, 'there') }),
    host: hostConfig(sbuildMode),
    chroot,
    architecture,
  });

  beforeAll(async () => {
    user = await makeUser();
    sshd = await startSshd({ user: user.name });
    await mkdir(join(temp, 'there'));
    await run(['chown', user.name, join(temp, 'there')]);
    const config = hostConfig('unshare');
    host = await openHost({ config: configWith({ hosts: [config] }) }, config);
  });
  afterAll(async () => {
    await host.disconnect();
    await sshd.stop();
    await exec(['chown', '-R', 'root', join(temp, 'there')]);
    await user.remove();
  });

  it('is told what to do when schroot needs root', async () => {
    await expect(createChroot(host, request('schroot'))).rejects.toMatchObject({
      name: 'ConfigError',
      code: 'E_CHROOT_ROOT',
      message: /sbuild_mode = unshare/,
    });
  });

  it('makes a tarball and builds in it', async () => {
    expect(await createChroot(host, request('unshare'))).toBe('made');
    expect(await createChroot(host, request('unshare'))).toBe('kept');
    const { judgement, results, log } = await build(host, hostConfig('unshare'), 'wordtally');
    expect(judgement, log.slice(-3000)).toMatchObject({ verdict: 'ok' });
    expect(results).toContain('wordtally_3.2_all.deb');
    expect(await removeChroot(host, request('unshare'))).toBe('removed');
    expect(await readdir(join(temp, 'there'))).toEqual([]);
  });
});
