/**
 * The two walks that a newcomer takes, with the real programs: `buildme demo`, whose base system then serves for one package through a build
 * host over ssh. `npm run accept -- deb` goes on from here. About a minute.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placeOf } from '../../lib/chroots/places.ts';
import { readConfig } from '../../lib/config/config.ts';
import { exists } from '../../lib/disk.ts';
import { type ExecResult, exec } from '../../lib/exec.ts';
import { buildSource } from '../helpers/packages.ts';
import { isRoot, makeTemp, removeTemp, run } from '../helpers/run.ts';
import { architecture, BUILDME } from '../helpers/site.ts';
import { expectLegalStates } from '../helpers/tree.ts';
import { type AcceptSite, makeAcceptSite, poolOf } from './site.ts';

describe.skipIf(!isRoot)('the whole way, with sbuild and apt (needs root)', () => {
  let dir: string;
  let made: string;
  let first: ExecResult;
  let site: AcceptSite | undefined;
  const demo = (...args: readonly string[]): Promise<ExecResult> =>
    exec([process.execPath, BUILDME, 'demo', ...args], { env: { ...process.env, BUILDME_DEMO_DIR: dir } });
  beforeAll(async () => {
    dir = await makeTemp('demo');
    made = await makeTemp('made');
    first = await demo();
  });
  afterAll(async () => {
    await site?.remove();
    await removeTemp(dir);
    await removeTemp(made);
  });

  it('the demo publishes, installs and runs its package, and shows the mail', async () => {
    const said = first.stdout.toString('utf8');
    expect(first.status, first.stderr + said).toBe(0);
    expect(said).toContain('| pocketcal 1.4-1\n');
    expect(said).toContain('| February 2026\n');
    expect(said).toContain(`Subject: [demo] pocketcal 1.4-1 ${await architecture()}: published`);
    expect(said.trimEnd().split('\n').at(-1)).toBe(
      `published pocketcal 1.4-1 ${await architecture()}; repository ${join(dir, 'repositories', 'demo')}`,
    );
  });

  it('a second demo takes a package of the user, and shows why it does not build', async () => {
    const leaky = await buildSource('leakyboat', join(made, 'leaky'));
    const second = await demo(join(leaky.dir, leaky.dsc));
    expect(second.status).toBe(1);
    expect(second.stdout.toString('utf8')).toMatch(/error: expected expression/);
    expect(second.stderr).toMatch(/no further than failed .*\/log$/m);
  });

  it('one package goes by scp, sbuild on a host over ssh and two mirrors to apt', async () => {
    const { global } = readConfig(join(dir, 'buildme.conf'));
    const base = { chrootDir: global.chrootDir, place: placeOf(global, 'base', await architecture()), remove: async () => undefined };
    site = await makeAcceptSite(base);
    const upload = await buildSource('tidemark', join(made, 'tidemark'), { key: site.uploader });
    await site.dput('remote', upload);
    await site.settle();
    expect((await site.status()).jobs).toEqual([expect.objectContaining({ source: 'tidemark', state: 'done' })]);
    expect(await poolOf(site.live, 'tidemark')).toContain('tidemark-doc_0.7-1_all.deb');
    expect(await run(['diff', '-r', join(site.live, 'pool'), join(site.far, 'pool')])).toBe('');
    expect(await site.install(['tidemark'], 'echo 3 1 2 | tidemark')).toContain('\n1 3\n');
    await site.smtp.mailAbout(`[local] tidemark 0.7-1 ${await architecture()}: published`);
    await expectLegalStates(site.spool);
  });

  it('the commands that the demo told remove all that it added', async () => {
    const { registration } = placeOf(readConfig(join(dir, 'buildme.conf')).global, 'base', await architecture());
    expect(await exists(registration)).toBe(true);
    const lines = first.stdout.toString('utf8').split('to remove it all\n')[1] ?? '';
    const commands = lines.split('\n').flatMap((line) => /^ +\| (.*(?:chroot remove base|rm -rf .*))$/.exec(line)?.[1] ?? []);
    expect(commands).toHaveLength(2);
    for (const command of commands) await run(['sh', '-c', command]);
    expect(await exists(registration)).toBe(false);
    expect(await exists(dir)).toBe(false);
  });
});
