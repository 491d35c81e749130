/**
 * A complete buildme site in a temporary directory: product, host, repository, mirror, keys, mail. Stages run as cron runs them: a process
 * each, from the built bundle. One promise: `remove` leaves nothing of it.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ExecResult, endOf, exec } from '../../lib/exec.ts';
import { type Key, makeKey, writeKeyring } from './key.ts';
import { makeTemp, removeTemp, run } from './run.ts';
import { startSmtp, type TestSmtp } from './smtp.ts';
import { drop } from './upload.ts';

export interface SiteOptions {
  /** Lines added to [product local]; a key given here replaces the one of the default. Default tool: `plain`, building on this machine. */
  readonly product?: Readonly<Record<string, string>>;
  /** Replaces the keys of [host builder], which is `local`. */
  readonly host?: Readonly<Record<string, string>>;
  readonly global?: Readonly<Record<string, string>>;
  /** Further sections, as text. */
  readonly more?: string;
}

export interface Site {
  readonly dir: string;
  readonly configFile: string;
  readonly incoming: string;
  readonly spool: string;
  readonly resultDir: string;
  /** The mirror's directory: what apt reads. */
  readonly live: string;
  readonly uploader: Key;
  readonly signer: Key;
  /** The signing key as apt's Signed-By wants it. */
  readonly signedBy: string;
  readonly smtp: TestSmtp;
  /** Runs `buildme -c CONFIG …` to its end, whatever that is. */
  buildme(...args: readonly string[]): Promise<ExecResult>;
  /** Runs a stage that must exit with 0 and, like a healthy stage under cron, print nothing. */
  stage(name: string): Promise<void>;
  /** Drops files into incoming, the last one last. */
  drop(from: string, names: readonly string[]): Promise<void>;
  remove(): Promise<void>;
}

export const BUILDME = fileURLToPath(new URL('../../bin/buildme', import.meta.url));

/** Builds right on the host: a minute less than sbuild, and no root. */
export const PLAIN_BUILD =
  'dpkg-source -x "$BUILDME_IN"/*.dsc tree && cd tree && dpkg-buildpackage -b -us -uc && cp ../*.deb ../*.changes ../*.buildinfo "$BUILDME_OUT"';

/** The architecture of this machine, in Debian's words. */
export async function architecture(): Promise<string> {
  return (await run(['dpkg', '--print-architecture'])).trim();
}

export async function makeSite(options: SiteOptions = {}): Promise<Site> {
  const dir = await makeTemp('site');
  const uploader = await makeKey();
  const signer = await makeKey('Archive <archive@example.org>');
  const smtp = await startSmtp();
  const arch = await architecture();
  await writeKeyring(join(dir, 'uploaders.gpg'), [uploader]);
  await writeKeyring(join(dir, 'archive.gpg'), [signer]);
  for (const name of ['incoming', 'results', 'repo_queue', 'repositories', 'live']) await mkdir(join(dir, name));
  const configFile = join(dir, 'buildme.conf');
  await writeFile(
    configFile,
    [
      section('global', {
        spool: 'spool',
        repository_dir: 'repositories',
        chroot_dir: 'chroots',
        log_dir: 'log',
        gnupg_home: signer.home,
        mail_from: 'buildme@example.org',
        mail_to: 'list@example.org',
        smtp: smtp.url,
        ...options.global,
      }),
      section('product local', {
        incoming: 'incoming',
        result_dir: 'results',
        repo_queue: 'repo_queue',
        repository: 'extras',
        suite: 'stable',
        architectures: arch,
        keyring: 'uploaders.gpg',
        settle: '1s',
        tool: 'plain',
        build_command: PLAIN_BUILD,
        ...options.product,
      }),
      section('host builder', { kind: 'local', architectures: `${arch} all`, workdir: join(dir, 'work'), ...options.host }),
      section('repository extras', { suites: 'stable', signing_keys: signer.fingerprint }),
      section('mirror live', { repository: 'extras', to: join(dir, 'live') }),
      options.more ?? '',
    ].join('\n'),
  );
  const buildme = (...args: readonly string[]): Promise<ExecResult> => exec([process.execPath, BUILDME, '-c', configFile, ...args]);
  return {
    dir,
    configFile,
    incoming: join(dir, 'incoming'),
    spool: join(dir, 'spool'),
    resultDir: join(dir, 'results'),
    live: join(dir, 'live'),
    uploader,
    signer,
    signedBy: join(dir, 'archive.gpg'),
    smtp,
    buildme,
    stage: async (name) => {
      const result = await buildme(name);
      if (result.status !== 0 || result.stdout.length > 0 || result.stderr !== '') throw new Error(`buildme ${name}: ${endOf(result)}`);
    },
    drop: (from, names) => drop(from, names, join(dir, 'incoming')),
    remove: async () => {
      await smtp.stop();
      await uploader.remove();
      await signer.remove();
      await removeTemp(dir);
    },
  };
}

function section(title: string, keys: Readonly<Record<string, string>>): string {
  return `[${title}]\n${Object.entries(keys)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join('')}`;
}

/** The reason that a rejected or ended entry gives. */
export function reasonOf(entry: string): Promise<string> {
  return readFile(join(entry, 'reason'), 'utf8');
}
