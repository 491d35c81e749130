/**
 * Source packages made into uploads by dpkg's own programs, for the demo and for tests. One promise: the same tree gives the same
 * .orig.tar.gz, byte for byte.
 */
import { mkdtemp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import fsExtra from 'fs-extra';
import { InputError } from '../errors.ts';
import { readDsc } from '../formats/deb/dsc.ts';
import { isClearsigned } from '../openpgp.ts';
import { must } from './journey.ts';
import type { SigningKey } from './keys.ts';

const { copy, ensureDir, remove } = fsExtra;

export interface PackOptions {
  /** Signs .dsc, .buildinfo and .changes; absent: unsigned. */
  readonly key?: SigningKey;
  /** A new changelog entry on top: `1.4-2` is an upload without the orig, as dpkg does by itself. */
  readonly version?: string;
  /** Distribution of that entry. Default `unstable`. */
  readonly distribution?: string;
  /** Whether the .changes lists the .orig; dpkg's default without it. */
  readonly orig?: boolean;
  /** Changes the copied tree before it is packed. */
  readonly prepare?: (tree: string) => Promise<void>;
}

export interface SourceUpload {
  /** Where its files lie, and nothing else. */
  readonly dir: string;
  readonly source: string;
  /** With its epoch. */
  readonly version: string;
  /** Names in `dir`. */
  readonly dsc: string;
  readonly changes: string;
  /** Names of what a person uploads, in the order of dput: what the .changes lists, then the .changes. */
  readonly upload: readonly string[];
}

/** 2024-07-01 12:00 UTC. */
const DATE = '@1719835200';

/** Makes an upload of the tree `template` (which stays as it is) in `dir`, which is made when it is missing. About 1.5 s. */
export function packTree(template: string, dir: string, options: PackOptions = {}): Promise<SourceUpload> {
  return inWorkspace(dir, async (work) => {
    const source = basename(template);
    const tree = join(work, source);
    await copy(template, tree);
    if (options.version !== undefined) await addChangelogEntry(tree, source, options.version, options.distribution ?? 'unstable');
    await options.prepare?.(tree);
    const version = await field(tree, 'Version');
    if ((await readFile(join(tree, 'debian/source/format'), 'utf8')).includes('quilt')) await packOrig(work, source, version);
    const orig = options.orig === undefined ? [] : [options.orig ? '-sa' : '-sd'];
    const sign = options.key === undefined ? ['-us', '-ui', '-uc'] : [`-k${options.key.fingerprint}`];
    const env = options.key === undefined ? {} : { GNUPGHOME: options.key.home };
    await must(['dpkg-buildpackage', '-S', '-d', '-nc', ...orig, ...sign], { cwd: tree, env });
    return { source, version };
  });
}

/** Makes an upload for `suite` of somebody's .dsc and the files beside it: the same bytes, but for a signature, below a .changes of our key. */
export function packDsc(dscFile: string, dir: string, suite: string, key: SigningKey): Promise<SourceUpload> {
  return inWorkspace(dir, async (work) => {
    const text = withoutSignature(await readFile(dscFile));
    const { dsc, faults } = readDsc(text, { needsSha256: true });
    if (faults.length > 0) throw new InputError('E_BAD_DSC', `${dscFile}: ${faults.join('; ')}`);
    await writeFile(join(work, basename(dscFile)), text);
    for (const { name } of dsc.files) {
      await copy(join(dirname(dscFile), name), join(work, name)).catch((error: unknown) => {
        throw new InputError('E_MISSING', `${dscFile} lists ${name}, which cannot be read beside it: put it there`, error);
      });
    }
    const tree = join(work, 'tree');
    await must(['dpkg-source', '--no-copy', '-x', basename(dscFile), tree], { cwd: work });
    const changes = join(work, `${basename(dscFile, '.dsc')}_source.changes`);
    await must(['dpkg-genchanges', '-S', '-sa', `-DDistribution=${suite}`, `-u${work}`, `-O${changes}`], { cwd: tree });
    await must([
      'gpg',
      '--homedir',
      key.home,
      '--batch',
      '--local-user',
      key.fingerprint,
      '--output',
      `${changes}.asc`,
      '--clearsign',
      changes,
    ]);
    await rename(`${changes}.asc`, changes);
    return { source: dsc.source, version: dsc.version };
  });
}

/** Runs `make` in an empty directory and moves the files that it leaves there to `dir`. */
async function inWorkspace(dir: string, make: (work: string) => Promise<Pick<SourceUpload, 'source' | 'version'>>): Promise<SourceUpload> {
  const work = await mkdtemp(join(tmpdir(), 'buildme-source-'));
  try {
    const made = await make(work);
    await ensureDir(dir);
    const names = (await readdir(work, { withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name);
    for (const name of names) await copy(join(work, name), join(dir, name));
    const changes = only(names, '.changes');
    return { dir, ...made, dsc: only(names, '.dsc'), changes, upload: [...listedIn(await readFile(join(dir, changes), 'utf8')), changes] };
  } finally {
    await remove(work);
  }
}

async function field(tree: string, name: string): Promise<string> {
  return (await must(['dpkg-parsechangelog', '-l', join(tree, 'debian/changelog'), '-S', name])).trim();
}

async function addChangelogEntry(tree: string, source: string, version: string, distribution: string): Promise<void> {
  const file = join(tree, 'debian/changelog');
  const entry = `${source} (${version}) ${distribution}; urgency=medium\n\n  * Build again.\n\n -- Uma Uploader <uma@example.org>  Tue, 02 Jul 2024 12:00:00 +0000\n\n`;
  await writeFile(file, entry + (await readFile(file, 'utf8')));
}

async function packOrig(work: string, source: string, version: string): Promise<void> {
  const upstream = version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
  const tar = join(work, `${source}_${upstream}.orig.tar`);
  // Whatever the checkout's umask, owner and dates were, the bytes are the same.
  const same = ['--sort=name', `--mtime=${DATE}`, '--owner=0', '--group=0', '--numeric-owner', '--format=gnu', '--mode=u=rwX,go=rX'];
  await must([
    'tar',
    '-C',
    work,
    ...same,
    '--exclude=./debian',
    `--transform=s,^\\.,${source}-${upstream},`,
    '-cf',
    tar,
    '-C',
    source,
    '.',
  ]);
  await must(['gzip', '-9n', tar]);
}

/** The text of a .dsc, whose signature says nothing here: nobody has its key. Dashes as in RFC 4880 7.1. */
function withoutSignature(bytes: Buffer): string {
  const text = bytes.toString('utf8').replaceAll('\r\n', '\n');
  if (!isClearsigned(bytes)) return text;
  const signed = /^-----BEGIN PGP SIGNED MESSAGE-----\n(?:.+\n)*\n([\s\S]*?)\n-----BEGIN PGP SIGNATURE-----/m.exec(text)?.[1] ?? '';
  return `${signed.replace(/^- /gm, '')}\n`;
}

/** File names of the Files field of a .changes. */
function listedIn(changes: string): string[] {
  const list = /^Files:[ \t]*\n((?: .+\n)+)/m.exec(changes)?.[1] ?? '';
  return list
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').at(-1) ?? '');
}

function only(names: readonly string[], ending: string): string {
  const [name, second] = names.filter((each) => each.endsWith(ending));
  if (name === undefined || second !== undefined) throw new InputError('E_FILES', `expected one ${ending} among ${names.join(' ')}`);
  return name;
}
