/** Faults of builds, hosts and disks, seen from the pipeline: each ends in a clear message, nothing is lost, the rest of the tick goes on. */
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { QUICK_BUILD } from '../helpers/quick_build.ts';
import { isRoot, makeTemp, removeTemp, run, until } from '../helpers/run.ts';
import { architecture, makeSite, reasonOf, type Site, type SiteOptions } from '../helpers/site.ts';
import { freePort, startSshd, type TestSshd } from '../helpers/sshd.ts';
import { expectLegalStates } from '../helpers/tree.ts';
import { writeUpload } from '../helpers/upload.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A site whose builds run this sh text; `ok` makes a good package. */
async function siteWith(build: string, options: SiteOptions = {}): Promise<Site> {
  const dir = await makeTemp('build');
  cleanups.push(() => removeTemp(dir));
  await writeFile(join(dir, 'ok.sh'), QUICK_BUILD);
  await writeFile(join(dir, 'build.sh'), build.replaceAll('@ok', `. ${dir}/ok.sh`));
  const site = await makeSite({ ...options, product: { build_command: `sh ${dir}/build.sh`, ...options.product } });
  cleanups.push(() => site.remove());
  return site;
}

async function upload(site: Site, source = 'pebble', version = '1.0-1'): Promise<void> {
  const made = await makeTemp('upload');
  const { names } = await writeUpload(made, { key: site.uploader, distribution: 'stable', source, version });
  await site.drop(made, names);
  await removeTemp(made);
}

interface Status {
  readonly idle: boolean;
  readonly states: Readonly<Record<string, number>>;
  readonly jobs: readonly { readonly id: string; readonly state: string; readonly reason: string | null; readonly source: string }[];
}
async function statusOf(site: Site): Promise<Status> {
  return JSON.parse((await site.buildme('status', '--json')).stdout.toString()) as Status;
}

/** Ticks until no job is queued, running, built or accepted. */
async function settle(site: Site): Promise<Status> {
  return until('the pipeline to settle', async () => {
    const { stderr, status } = await site.buildme('tick');
    if (status !== 0) throw new Error(`tick: ${status} ${stderr}`);
    const now = await statusOf(site);
    const { queued, running, built, accepted, incoming } = now.states;
    return queued === 0 && running === 0 && built === 0 && accepted === 0 && incoming === 0 ? now : undefined;
  });
}

async function failedMail(site: Site): Promise<string> {
  await site.stage('notify');
  return site.smtp.mails.find(({ subject }) => subject.endsWith(': failed'))?.text ?? '';
}

describe('builds', () => {
  it('that fail end in failed, with verdict, evidence and the command that reproduces it in the mail; retry begins again', async () => {
    const site = await siteWith('if [ -e /tmp/$BUILDME_JOB.mended ]; then @ok\nelse echo "main.c:1: error: no such thing"; exit 2; fi');
    await upload(site);
    const { jobs } = await settle(site);
    expect(jobs).toMatchObject([{ state: 'failed', reason: expect.stringMatching(/status 2/) }]);
    const mail = await failedMail(site);
    expect(mail).toContain('Verdict: package');
    expect(mail).toContain('main.c:1: error: no such thing');
    expect(mail).toMatch(/sh -c .*build\.sh/);
    const id = jobs[0]?.id ?? '';
    expect((await readdir(join(site.resultDir, 'pebble_1.0-1'))).join()).toMatch(/\.build\.1\.log$/);
    cleanups.push(() => rm(`/tmp/${id}.mended`));
    await writeFile(`/tmp/${id}.mended`, '');
    expect((await site.buildme('retry', id)).status).toBe(0);
    expect((await settle(site)).states).toMatchObject({ done: 1, failed: 0 });
    expect((await site.buildme('log', id, '--attempt', '1')).stdout.toString()).toContain('no such thing');
    await expectLegalStates(site.spool);
  });

  it('that fail again after the same upload came again are told again, with what became of the first kept', async () => {
    const site = await siteWith('echo "main.c:1: error: no such thing"; exit 2');
    const made = await makeTemp('upload');
    cleanups.push(() => removeTemp(made));
    const { names } = await writeUpload(made, { key: site.uploader, distribution: 'stable' });
    for (const times of [1, 2]) {
      await site.drop(made, names);
      await settle(site);
      await site.stage('notify');
      expect(site.smtp.mails.filter(({ subject }) => subject.endsWith(': failed'))).toHaveLength(times);
    }
    const ids = site.smtp.mails.map(({ messageId }) => messageId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('that hang are stopped after build_timeout, and their group with them', async () => {
    const site = await siteWith('sleep 987 & sleep 987', { product: { build_timeout: '2s' } });
    await upload(site);
    expect((await settle(site)).jobs).toMatchObject([{ state: 'failed', reason: expect.stringContaining('build_timeout') }]);
    expect(
      await run([
        'sh',
        '-c',
        'grep -alsz 987 /proc/[0-9]*/cmdline | xargs -r -n1 sh -c \'tr "\\0" " " <$0; echo\' | grep -c "^sleep 987" || true',
      ]),
    ).toBe('0\n');
  });

  it('that write a gigabyte of log are stopped, and no more than max_log_size is kept', async () => {
    const site = await siteWith('head -c 1000000000 /dev/zero | tr "\\0" x; @ok', { product: { max_log_size: '1M' } });
    await upload(site);
    const { jobs } = await settle(site);
    expect(jobs).toMatchObject([{ state: 'failed', reason: expect.stringContaining('max_log_size') }]);
    expect((await readFile(join(site.spool, 'failed', jobs[0]?.id ?? '', 'attempts/1/log'))).length).toBeLessThanOrEqual(1 << 20);
  });

  it.each([
    ['no .changes', 'true', /no \.changes/],
    ['two .changes', '@ok\ncp "$BUILDME_OUT"/*.changes "$BUILDME_OUT/second.changes"', /2 \.changes/],
    ['a link among the results', '@ok\nln -s /etc/passwd "$BUILDME_OUT/passwd"', /passwd/],
  ])('that leave %s fail, and say so', async (_, build, reason) => {
    const site = await siteWith(build);
    await upload(site);
    expect((await settle(site)).jobs).toMatchObject([{ state: 'failed', reason: expect.stringMatching(reason) }]);
    await expectLegalStates(site.spool);
  });

  it('whose results are another package are rejected by accept and never reach the queue', async () => {
    const site = await siteWith('BUILDME_SOURCE=bash; @ok');
    await upload(site);
    await settle(site);
    const [id = ''] = await readdir(join(site.spool, 'rejected'));
    expect(await reasonOf(join(site.spool, 'rejected', id))).toMatch(/bash.*pebble was asked for/s);
    expect(await readdir(join(site.dir, 'repo_queue'))).toEqual([]);
  });

  it('of an older version are ended when a newer one is accepted, the running one too', async () => {
    const site = await siteWith('case $BUILDME_VERSION in 1.0-1) sleep 600 ;; esac; @ok');
    await upload(site);
    await site.stage('verify');
    await site.stage('dispatch');
    await upload(site, 'pebble', '1.0-2');
    const { states, jobs } = await settle(site);
    expect(states).toMatchObject({ ended: 1, done: 1 });
    expect(jobs.find(({ state }) => state === 'ended')?.reason).toContain('1.0-2');
  });
});

describe('hosts', () => {
  async function sshSite(
    change: (sshd: TestSshd) => Promise<Record<string, string>>,
    build = '@ok',
  ): Promise<{ site: Site; sshd: TestSshd }> {
    const sshd = await startSshd();
    cleanups.push(() => sshd.stop());
    const host = {
      kind: 'ssh',
      address: sshd.address,
      identity: sshd.identity,
      known_hosts: sshd.knownHosts,
      architectures: `${await architecture()} all`,
      ...(await change(sshd)),
    };
    const site = await siteWith(build, { host });
    await appendFile(site.configFile, `workdir = ${site.dir}/work\n`.replace(/^/, '\n[host spare]\nkind = local\narchitectures = all\n'));
    return { site, sshd };
  }

  it('builds over ssh, with nothing installed there', async () => {
    const { site } = await sshSite(async () => ({}));
    await upload(site);
    expect((await settle(site)).states).toMatchObject({ done: 1 });
  });

  it.each<[string, (sshd: TestSshd) => Promise<Record<string, string>>, RegExp]>([
    [
      'that refuses the key',
      async () => {
        const dir = await makeTemp('key');
        cleanups.push(() => removeTemp(dir));
        await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'other')]);
        return { identity: join(dir, 'other') };
      },
      /E_HOST_AUTH/,
    ],
    [
      'whose host key changed',
      async (sshd) => {
        const dir = await makeTemp('key');
        cleanups.push(() => removeTemp(dir));
        await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'other')]);
        const [, ...key] = (await readFile(join(dir, 'other.pub'), 'utf8'))
          .split(' ')
          .map((word, index) => (index === 0 ? `x ${word}` : word))
          .join(' ')
          .split(' ');
        await writeFile(join(dir, 'known_hosts'), `[127.0.0.1]:${sshd.port} ${key.join(' ')}`);
        return { known_hosts: join(dir, 'known_hosts') };
      },
      /E_HOST_KEY/,
    ],
    ['that does not answer', async (sshd) => ({ address: `${sshd.user}@127.0.0.1:${await freePort()}` }), /E_HOST_DOWN/],
  ])('a host %s costs no job: it stays queued, and that is told once', async (_, change, code) => {
    const { site } = await sshSite(change);
    await upload(site);
    await site.stage('verify');
    const first = await site.buildme('dispatch');
    expect(first.status).toBe(0);
    expect(first.stderr).toMatch(code);
    expect((await statusOf(site)).states).toMatchObject({ queued: 1, running: 0, corrupt: 0 });
    const second = await site.buildme('dispatch');
    expect([second.status, second.stderr]).toEqual([0, '']);
    await expectLegalStates(site.spool);
  });

  it('a host that vanishes in the middle keeps its job; when it is back the build that ran on is collected, not repeated', async () => {
    const { site, sshd } = await sshSite(async () => ({}), 'sleep 1; @ok');
    await upload(site);
    await site.stage('verify');
    await site.stage('dispatch');
    const kept = await makeTemp('hostkey');
    cleanups.push(() => removeTemp(kept));
    await run(['cp', sshd.hostKey, `${sshd.hostKey}.pub`, kept]);
    await sshd.stop();
    expect((await site.buildme('collect')).status).toBe(0);
    expect((await statusOf(site)).states).toMatchObject({ running: 1, failed: 0, queued: 0 });
    const again = await startSshd({ port: sshd.port, hostKey: join(kept, basename(sshd.hostKey)) });
    cleanups.push(() => again.stop());
    const text = await readFile(site.configFile, 'utf8');
    await writeFile(site.configFile, text.replace(sshd.identity, again.identity).replace(sshd.knownHosts, again.knownHosts));
    const { states, jobs } = await settle(site);
    expect(states).toMatchObject({ done: 1 });
    expect(JSON.parse((await site.buildme('status', '--json', jobs[0]?.id ?? '')).stdout.toString())).toMatchObject({ attempt: 1 });
  });

  it('a missing base system is the fault of the host: given back, and given up after three', async () => {
    const site = await makeSite({ product: { tool: 'sbuild', chroot: 'nowhere' }, more: '[chroot nowhere]\nsuite = bookworm\n' });
    cleanups.push(() => site.remove());
    const text = await readFile(site.configFile, 'utf8');
    await writeFile(site.configFile, text.replace(/^build_command = .*\n/m, ''));
    await upload(site);
    const { jobs } = await until('it to be given up', async () => {
      for (const stage of ['verify', 'dispatch', 'collect']) await site.buildme(stage);
      await rm(join(site.spool, 'hosts', 'builder'), { force: true });
      const now = await statusOf(site);
      return now.states.failed === 1 ? now : undefined;
    });
    expect(jobs[0]?.reason).toMatch(/given up after 3 faults/);
    expect(await failedMail(site)).toContain('Verdict: host');
  });
});

describe('the site', () => {
  it('two ticks at once, four of them, publish each upload once', async () => {
    const site = await siteWith('@ok');
    for (const source of ['aa', 'bb', 'cc', 'dd']) await upload(site, source);
    for (let round = 0; round < 8 && (await statusOf(site)).states.done !== 4; round += 1) {
      const ticks = await Promise.all([1, 2, 3, 4].map(() => site.buildme('tick')));
      expect(ticks.map(({ status, stderr }) => [status, stderr])).toEqual(Array(4).fill([0, '']));
    }
    await until('every mail', async () => {
      await Promise.all([site.buildme('tick'), site.buildme('tick')]);
      return (await statusOf(site)).idle;
    });
    expect((await statusOf(site)).states).toMatchObject({ done: 4, failed: 0, corrupt: 0, rejected: 0 });
    const ids = site.smtp.mails.map(({ messageId }) => messageId);
    expect(new Set(ids).size).toBe(8);
    expect(ids).toHaveLength(8);
    for (const id of await readdir(join(site.spool, 'done')))
      expect(await readdir(join(site.spool, 'done', id, 'attempts'))).toEqual(['1']);
    await expectLegalStates(site.spool);
  });

  it.skipIf(!isRoot)('a disk that is full while results are fetched keeps the job; with room again it goes on', async () => {
    const site = await siteWith('head -c 500000 /dev/urandom | od; @ok', {
      global: { spool: 'small/spool' },
    });
    const small = join(site.dir, 'small');
    await run(['mkdir', small]);
    await run(['mount', '-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', small]);
    cleanups.push(() => run(['umount', '-l', small]));
    await upload(site);
    await site.stage('verify');
    await site.stage('dispatch');
    const filler = join(small, 'filler');
    await until('the build to end', async () =>
      (await readdir(join(site.dir, 'work')).then(([dir = '']) => readdir(join(site.dir, 'work', dir)))).includes('status'),
    );
    await run(['sh', '-c', `head -c 9000000 /dev/zero > ${filler} 2>/dev/null || true`]);
    const full = await site.buildme('collect');
    expect(full.stderr).toMatch(/ENOSPC|no space/i);
    expect(await readdir(join(small, 'spool/running/builder'))).toHaveLength(1);
    await rm(filler);
    await site.stage('collect');
    await site.stage('accept');
    expect(await readdir(join(small, 'spool/accepted'))).toHaveLength(1);
  });
});
