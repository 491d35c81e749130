/**
 * The real source packages below test/packages, built into uploads by dpkg's own programs. One promise: the same tree gives the same
 * .orig.tar.gz, byte for byte.
 *
 *   pocketcal 1.4-1     3.0 (quilt), C, man page, two patches; the package that `npm run demo` builds
 *   wordtally 3.2       3.0 (native), arch:all shell
 *   tidemark 0.7-1      3.0 (quilt), four binaries, any and all, a shared library
 *   moonphase 2:1.1     3.0 (native), C, an epoch
 *   almanac 2024.1-1    3.0 (quilt), arch:all, one patch
 *   leakyboat 0.1       3.0 (native), does not compile
 */
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Key } from './key.ts';
import { makeTemp, removeTemp, run } from './run.ts';

export type PackageName = 'pocketcal' | 'wordtally' | 'tidemark' | 'moonphase' | 'almanac' | 'leakyboat';

export interface SourceOptions {
  /** Signs .dsc, .buildinfo and .changes; absent: unsigned. */
  readonly key?: Key;
  /** A new changelog entry on top: `1.4-2` is an upload without the orig, as dpkg does by itself. */
  readonly version?: string;
  /** Distribution of that entry. Default `unstable`. */
  readonly distribution?: string;
  /** Whether the .changes lists the .orig; dpkg's default without it. */
  readonly orig?: boolean;
  /** Changes the copied tree before it is packed. */
  readonly prepare?: (tree: string) => Promise<void>;
}

export interface SourcePackage {
  /** Where its files lie, and nothing else. */
  readonly dir: string;
  readonly source: string;
  readonly version: string;
  /** Names in `dir`. */
  readonly dsc: string;
  readonly changes: string;
  /** Names of what a person uploads, in the order of dput: what the .changes lists, then the .changes. */
  readonly upload: readonly string[];
}

const TREES = fileURLToPath(new URL('../packages/', import.meta.url));
/** 2024-07-01 12:00 UTC, the date of the changelogs. */
const DATE = '@1719835200';

/** Builds a source package into `dir`, which is made when it is missing. About 1.5 s. */
export async function buildSource(name: PackageName, dir: string, options: SourceOptions = {}): Promise<SourcePackage> {
  const work = await makeTemp('source');
  try {
    const tree = join(work, name);
    await cp(join(TREES, name), tree, { recursive: true });
    if (options.version !== undefined) await addChangelogEntry(tree, name, options.version, options.distribution ?? 'unstable');
    await options.prepare?.(tree);
    const version = (await run(['dpkg-parsechangelog', '-l', join(tree, 'debian/changelog'), '-S', 'Version'])).trim();
    if ((await readFile(join(tree, 'debian/source/format'), 'utf8')).includes('quilt')) await packOrig(work, name, version);
    const orig = options.orig === undefined ? [] : [options.orig ? '-sa' : '-sd'];
    const sign = options.key === undefined ? ['-us', '-ui', '-uc'] : [`-k${options.key.fingerprint}`];
    const env = options.key === undefined ? {} : { GNUPGHOME: options.key.home };
    await run(['dpkg-buildpackage', '-S', '-d', '-nc', ...orig, ...sign], { cwd: tree, env });
    await rm(tree, { recursive: true });
    await mkdir(dir, { recursive: true });
    const built = await readdir(work);
    for (const file of built) await cp(join(work, file), join(dir, file));
    const changes = only(built, '.changes');
    const upload = [...listedIn(await readFile(join(work, changes), 'utf8')), changes];
    return { dir, source: name, version, dsc: only(built, '.dsc'), changes, upload };
  } finally {
    await removeTemp(work);
  }
}

async function addChangelogEntry(tree: string, name: string, version: string, distribution: string): Promise<void> {
  const file = join(tree, 'debian/changelog');
  const before = await readFile(file, 'utf8');
  const entry = `${name} (${version}) ${distribution}; urgency=medium\n\n  * Build again.\n\n -- Uma Uploader <uma@example.org>  Tue, 02 Jul 2024 12:00:00 +0000\n\n`;
  await writeFile(`${file}.new`, entry + before);
  await rename(`${file}.new`, file);
}

async function packOrig(work: string, name: string, version: string): Promise<void> {
  const upstream = version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
  const tar = join(work, `${name}_${upstream}.orig.tar`);
  // Whatever the checkout's umask, owner and dates were, the bytes are the same.
  const same = ['--sort=name', `--mtime=${DATE}`, '--owner=0', '--group=0', '--numeric-owner', '--format=gnu', '--mode=u=rwX,go=rX'];
  await run(['tar', '-C', work, ...same, '--exclude=./debian', `--transform=s,^\\.,${name}-${upstream},`, '-cf', tar, '-C', name, '.']);
  await run(['gzip', '-9n', tar]);
}

/** File names of the Files field of a .changes. */
function listedIn(changes: string): string[] {
  const field = /^Files:\n((?: .+\n)+)/m.exec(changes)?.[1] ?? '';
  return field
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ').at(-1) ?? '');
}

function only(names: readonly string[], ending: string): string {
  const [name, second] = names.filter((each) => each.endsWith(ending));
  if (name === undefined || second !== undefined) throw new Error(`expected one ${ending} among ${names.join(' ')}`);
  return name;
}
