/**
 * The demo's site: one directory with a buildme.conf to learn from, keys and a base system that stay warm, and all else made anew. Two
 * promises: nobody else's directory is touched, and two demos never work in the same one.
 */
import { lstat, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Lock, removeTree, tryLock, writeDurable } from '../disk.ts';
import { ExpectedError, UsageError, unless } from '../errors.ts';
import { exec } from '../exec.ts';
import { must } from './journey.ts';
import { exportKey, keyIn, type SigningKey } from './keys.ts';

export interface DemoSite {
  readonly dir: string;
  readonly configFile: string;
  readonly incoming: string;
  readonly mails: string;
  /** The mirror's directory: what the web server shows. */
  readonly live: string;
  /** The repository itself. */
  readonly repository: string;
  readonly suite: string;
  readonly architecture: string;
  readonly uploader: SigningKey;
  readonly archive: SigningKey;
  /** Binary public key of `archive`. */
  readonly signedBy: string;
  readonly asRoot: boolean;
}

/** The base system's name in buildme.conf. */
export const BASE = 'base';
/** What of an earlier run goes. */
const FRESH = ['incoming', 'spool', 'results', 'queue', 'repositories', 'live', 'mails', 'log', 'work', 'upload'];
/** gpg-agent's socket lies in the directory, and a socket's path has 107 bytes at most. */
const MAX_DIR = 70;

/** $BUILDME_DEMO_DIR or its default. Throws UsageError when it would not do. */
export function demoDir(): string {
  const dir = process.env.BUILDME_DEMO_DIR || '/var/tmp/buildme-demo';
  if (!/^\/[A-Za-z0-9/._+~-]+$/.test(dir) || dir.length > MAX_DIR) {
    throw new UsageError(
      `BUILDME_DEMO_DIR is '${dir}'; expected an absolute path of letters, digits and / . _ + ~ -, at most ${MAX_DIR} of them`,
    );
  }
  return dir;
}

/** Makes the directory ours alone and takes its lock. */
export async function takeDir(dir: string): Promise<Lock> {
  await unless('EEXIST', undefined, mkdir(dir, { mode: 0o755 }));
  const stat = await lstat(dir);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0) {
    throw new ExpectedError(
      'E_DEMO_DIR',
      `${dir} is not a directory that you alone can write to: remove it, or set BUILDME_DEMO_DIR to another`,
    );
  }
  const lock = tryLock(join(dir, 'lock'));
  if (lock === undefined)
    throw new ExpectedError('E_DEMO_RUNS', `another demo is running in ${dir}: wait for it, or set BUILDME_DEMO_DIR to another`);
  return lock;
}

/** Keys and configuration; nothing of an earlier run is left but keys and base system. */
export async function makeSite(dir: string): Promise<DemoSite> {
  const asRoot = process.getuid?.() === 0;
  // Files in a root of apt's that was killed belong to user ids that we only lend.
  if (!asRoot) await exec(['unshare', '--map-auto', '--map-root-user', 'rm', '-rf', '--one-file-system', join(dir, 'work')]);
  for (const name of FRESH) await removeTree(join(dir, name));
  for (const name of ['incoming', 'mails', 'live', 'keys']) await mkdir(join(dir, name), { recursive: true });
  const site: DemoSite = {
    dir,
    configFile: join(dir, 'buildme.conf'),
    incoming: join(dir, 'incoming'),
    mails: join(dir, 'mails'),
    live: join(dir, 'live'),
    repository: join(dir, 'repositories', 'demo'),
    suite: 'stable',
    architecture: (await must(['dpkg', '--print-architecture'])).trim(),
    uploader: await keyIn(join(dir, 'keys', 'uploader'), 'Demo Uploader <uploader@demo.invalid>'),
    archive: await keyIn(join(dir, 'keys', 'archive'), 'Demo Archive <archive@demo.invalid>'),
    signedBy: join(dir, 'keys', 'archive.gpg'),
    asRoot,
  };
  await exportKey(site.uploader, join(dir, 'keys', 'uploaders.gpg'));
  await exportKey(site.archive, site.signedBy);
  await writeFile(
    join(dir, 'sendmail'),
    `#!/bin/sh\n# In the place of sendmail: files each mail.\nexec cat >"$(mktemp "${site.mails}/$(date +%s.%N).XXXXXX")"\n`,
    { mode: 0o755 },
  );
  await writeDurable(site.configFile, configOf(site, await release()));
  return site;
}

/** The release of this machine, for the base system. Throws E_RELEASE where it has no name. */
export async function release(): Promise<string> {
  const name = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (name === undefined)
    throw new ExpectedError('E_RELEASE', '/etc/os-release names no VERSION_CODENAME: the demo needs Debian 12 or a relative of it');
  return name;
}

function configOf({ dir, suite, architecture, archive, asRoot }: DemoSite, base: string): string {
  return `# Written anew by each run of \`buildme demo\`. A whole site in one directory; etc/buildme.conf of the project explains every key.
# Look around with:  buildme -c ${dir}/buildme.conf status

[global]
# Where uploads and jobs lie, each in the directory of its state.
spool = spool
repository_dir = repositories
chroot_dir = chroots
log_dir = log
# GNUPGHOME of the key that signs the repository.
gnupg_home = keys/archive
mail_from = buildme@demo.invalid
mail_to = builds@demo.invalid
# A real site has smtp://HOST here. This script files the mails below mails/.
smtp = sendmail:${dir}/sendmail

# A line of uploads: what is put into \`incoming\` is checked, built and published in \`suite\` of \`repository\`.
[product demo]
incoming = incoming
result_dir = results
repo_queue = queue
repository = demo
suite = ${suite}
architectures = ${architecture}
# Whoever has a key in here may upload.
keyring = keys/uploaders.gpg
# How long an upload with faults may still change before it is refused. Here it is complete when it is looked at.
settle = 0
tool = sbuild
chroot = ${BASE}

# The base system that each build gets a fresh copy of; \`buildme chroot create ${BASE}\` makes it.
[chroot ${BASE}]
suite = ${base}
packages = debhelper

# Where builds run: here. With kind = ssh and an address it is any machine that has sbuild.
[host here]
kind = local
architectures = ${architecture} all
slots = 1
workdir = ${dir}/work
# schroot needs root to make base systems; unshare needs a range of user ids (/etc/subuid).
sbuild_mode = ${asRoot ? 'schroot' : 'unshare'}

# What is published, and by which key.
[repository demo]
suites = ${suite}
signing_keys = ${archive.fingerprint}

# Where readers get it from: a copy that is brought up to date after each change.
[mirror live]
repository = demo
to = ${dir}/live
`;
}
