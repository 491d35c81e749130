/** Packages of every kind, by real clients, from upload to installation; and those that must not get there. */
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSource, type PackageName, type SourceOptions, type SourcePackage } from '../../helpers/packages.ts';
import { makeTemp, removeTemp, run } from '../../helpers/run.ts';
import { architecture } from '../../helpers/site.ts';
import { expectLegalStates } from '../../helpers/tree.ts';
import { flipByte } from '../../helpers/upload.ts';
import { type AcceptSite, entryOf, makeAcceptSite, makeBase, poolOf, readReason } from '../site.ts';

let site: AcceptSite;
let made: string;
let arch: string;
beforeAll(async () => {
  arch = await architecture();
  made = await makeTemp('made');
  site = await makeAcceptSite(await makeBase());
});
afterAll(async () => {
  await site?.remove();
  await removeTemp(made);
});

function source(name: PackageName, options: SourceOptions = {}): Promise<SourcePackage> {
  return buildSource(name, join(made, `${name}-${options.version ?? 'first'}`), { key: site.uploader, ...options });
}

async function incoming(): Promise<string[]> {
  return (await readdir(site.incoming)).sort();
}

describe('uploads arrive', () => {
  it.each([
    ['pocketcal', 'with quilt patches', 'local'],
    ['moonphase', 'with an epoch', 'local'],
    ['wordtally', 'a native one of architecture all', 'remote'],
    ['tidemark', 'with binaries of both architectures and a library', 'remote'],
    ['leakyboat', 'that does not compile', 'remote'],
  ] as const)('%s, %s, by dput %s', async (name, _kind, host) => {
    const upload = await source(name);
    await site.dput(host, upload);
    expect(await incoming()).toEqual(expect.arrayContaining([...upload.upload]));
  });

  it('almanac, whose tarball was changed after it was signed, by scp', async () => {
    const upload = await source('almanac');
    await flipByte(join(upload.dir, 'almanac_2024.1.orig.tar.gz'));
    const { clientConfig, host } = site.uploaderLogin;
    const files = upload.upload.map((name) => join(upload.dir, name));
    await run(['scp', '-q', '-p', '-F', clientConfig, ...files, `${host}:${site.incoming}`]);
    expect(await incoming()).toEqual(expect.arrayContaining([...upload.upload]));
  });
});

describe('after the stages have run', () => {
  beforeAll(async () => {
    await site.settle();
  });

  it.each([
    [
      'pocketcal',
      '1.4-1',
      ['pocketcal_1.4-1_ARCH.deb', 'pocketcal-dbgsym_1.4-1_ARCH.deb', 'pocketcal_1.4-1.dsc', 'pocketcal_1.4.orig.tar.gz'],
    ],
    ['moonphase', '2:1.1', ['moonphase_1.1_ARCH.deb', 'moonphase_1.1.dsc', 'moonphase_1.1.tar.xz']],
    ['wordtally', '3.2', ['wordtally_3.2_all.deb', 'wordtally_3.2.dsc']],
    [
      'tidemark',
      '0.7-1',
      ['tidemark_0.7-1_ARCH.deb', 'tidemark-doc_0.7-1_all.deb', 'libtidemark1_0.7-1_ARCH.deb', 'libtidemark-dev_0.7-1_ARCH.deb'],
    ],
  ] as const)('%s %s is done, in the pool, and its uploader has a mail', async (name, version, files) => {
    const job = (await site.status()).jobs.find((each) => each.source === name);
    expect(job, JSON.stringify(job)).toMatchObject({ version, state: 'done' });
    expect(await poolOf(site.live, name)).toEqual(expect.arrayContaining(files.map((file) => file.replace('ARCH', arch))));
    const mail = await site.smtp.mailAbout(`[local] ${name} ${version} ${job?.architecture}: published`);
    expect(mail.recipients).toEqual(expect.arrayContaining(['uma@example.org', 'list@example.org']));
    expect(mail.text).toContain(version);
  });

  it('leakyboat is failed, and the mail shows the compiler error and how to see it again', async () => {
    const entry = await entryOf(site, 'failed', 'leakyboat_0.1_');
    expect(await poolOf(site.live, 'leakyboat')).toEqual([]);
    const mail = await site.smtp.mailAbout('leakyboat 0.1');
    const failed = await site.smtp.mailAbout(`leakyboat 0.1 ${arch}: failed`);
    expect(mail.subject).toContain('queued');
    expect(failed.text).toMatch(/Verdict: package/);
    expect(failed.text).toMatch(/error: expected expression/);
    expect(failed.text).toMatch(/sbuild .*leakyboat_0\.1\.dsc/);
    expect(await readFile(join(entry, 'attempts', '1', 'log'), 'utf8')).toMatch(/^Status: attempted$/m);
    expect((await readdir(join(site.resultDir, 'leakyboat_0.1'))).length).toBeGreaterThan(0);
  });

  it('the changed almanac is rejected, and the mail names the file', async () => {
    const entry = await entryOf(site, 'rejected', 'almanac_2024.1-1_source_');
    expect(await readReason(entry)).toContain('almanac_2024.1.orig.tar.gz');
    const mail = await site.smtp.mailAbout('almanac 2024.1-1 source: rejected');
    expect(mail.text).toContain('almanac_2024.1.orig.tar.gz');
    expect(await poolOf(site.live, 'almanac')).toEqual([]);
  });

  it('nothing is left in incoming', async () => {
    expect(await incoming()).toEqual([]);
  });
});

describe('what comes after', () => {
  it('a second revision of pocketcal comes without its orig and is published', async () => {
    const upload = await source('pocketcal', { version: '1.4-2' });
    expect(upload.upload).not.toContain('pocketcal_1.4.orig.tar.gz');
    await site.dput('remote', upload);
    await site.settle();
    expect((await site.status()).jobs).toContainEqual(expect.objectContaining({ source: 'pocketcal', version: '1.4-2', state: 'done' }));
    await site.smtp.mailAbout(`pocketcal 1.4-2 ${arch}: published`);
  });

  it('the almanac comes again unchanged, by sftp, and is published', async () => {
    const upload = await buildSource('almanac', join(made, 'almanac-again'), { key: site.uploader });
    const puts = upload.upload.map((name) => `put ${join(upload.dir, name)} ${name}.part\nrename ${name}.part ${name}\n`).join('');
    const { clientConfig, host } = site.uploaderLogin;
    await run(['sftp', '-q', '-b', '-', '-F', clientConfig, `${host}:${site.incoming}`], { input: puts });
    await site.settle();
    expect((await site.status()).jobs).toContainEqual(expect.objectContaining({ source: 'almanac', architecture: 'all', state: 'done' }));
  });

  it('dcut cancels what no host has begun', async () => {
    const upload = await source('moonphase', { version: '2:1.2' });
    await site.dput('local', upload);
    await site.stage('verify');
    const commands = join(made, 'dcut.commands');
    const { uploaderEnv: env, dputConfig, uploader } = site;
    await run(
      [
        'dcut',
        '-c',
        dputConfig,
        '-O',
        commands,
        '-k',
        uploader.fingerprint,
        '-m',
        uploader.userId,
        '--host',
        'local',
        'cancel',
        upload.changes,
      ],
      { env },
    );
    await copyFile(commands, join(site.incoming, 'dcut.uma.1.1.commands'));
    await site.stage('verify');
    await entryOf(site, 'ended', 'moonphase_2%3a1.2_');
    await site.settle();
    expect(await poolOf(site.live, 'moonphase')).not.toContain('moonphase_1.2.dsc');
    const mail = await site.smtp.mailAbout('commands');
    expect(mail.text).toContain(upload.changes);
  });

  it('a replayed upload is dropped without a word, and nothing is built twice', async () => {
    const before = site.smtp.mails.length;
    const first = join(made, 'wordtally-first');
    for (const name of await readdir(first)) await copyFile(join(first, name), join(site.incoming, name));
    await site.settle();
    expect((await site.status()).jobs.filter(({ source: name }) => name === 'wordtally')).toHaveLength(1);
    expect(site.smtp.mails.length).toBe(before);
    expect(await incoming()).not.toContain('wordtally_3.2_source.changes');
  });
});

describe('readers', () => {
  it('apt installs everything that was published, and it runs', async () => {
    await writeFile(join(made, 'words'), 'a b a\n');
    const said = await site.install(
      ['pocketcal', 'wordtally', 'tidemark', 'libtidemark-dev', 'moonphase', 'almanac'],
      `{ set +x; } 2>/dev/null
       pocketcal --version
       echo b a b | wordtally | sed 's/^ */tally: /'
       echo 3 1 2 | tidemark
       moonphase
       almanac 7
       dpkg-query -W -f '\${Package}=\${Version}\\n' pocketcal moonphase libtidemark1 tidemark-doc`,
    );
    expect(said).toContain('\npocketcal 1.4-2\n');
    expect(said).toContain('\ntally: 2 b\ntally: 1 a\n1 3\n');
    expect(said).toMatch(/\n\d+\.\d days\n.+\n/);
    for (const line of ['pocketcal=1.4-2', 'moonphase=2:1.1', 'libtidemark1=0.7-1', 'tidemark-doc=0.7-1']) expect(said).toContain(line);
  });

  it('gpgv finds the signature of each Release good', async () => {
    const dists = join(site.live, 'dists', 'stable');
    await run(['gpgv', '--keyring', site.signedBy, join(dists, 'InRelease')]);
    await run(['gpgv', '--keyring', site.signedBy, join(dists, 'Release.gpg'), join(dists, 'Release')]);
  });

  it('the mirror that is written over ssh holds the same', async () => {
    expect(await run(['diff', '-r', join(site.live, 'pool'), join(site.far, 'pool')])).toBe('');
    expect(await run(['diff', '-r', join(site.live, 'dists', 'stable'), join(site.far, 'dists', 'stable')])).toBe('');
  });

  it('every entry of the spool is where its state says', async () => {
    await expectLegalStates(site.spool);
  });
});
