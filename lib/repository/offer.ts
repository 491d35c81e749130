/**
 * A hand-over taken out of the queue: its files copied beside the pool, every size and digest checked on the way. One promise: what was
 * checked is what is published, whatever happens to the queue meanwhile.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { copyHashing, exists } from '../disk.ts';
import { codeOf, InputError } from '../errors.ts';
import type { Exec } from '../exec.ts';
import { fieldOf, type Paragraph } from '../formats/deb/control.ts';
import { sourceOf } from '../formats/deb/debfile.ts';
import type { FileDigest } from '../spool/job.ts';
import type { HandOver } from './handover.ts';
import type { Ledger } from './ledger.ts';
import type { Listed } from './lists.ts';
import { filesOf, type QueueEntry } from './queue.ts';
import { readStanza } from './stanzas.ts';

/** A file on its way into the pool. */
export interface PoolFile extends FileDigest {
  /** Below the repository: `pool/COMPONENT/PREFIX/SOURCE/FILE`. */
  readonly path: string;
  /** Our copy; undefined when the pool has it already. */
  readonly copy: string | undefined;
}

/** A source or binary with its control fields. */
export interface Described {
  readonly kind: Listed['kind'];
  readonly file: PoolFile;
  readonly stanza: Paragraph;
}

export interface Offer {
  readonly handOver: HandOver;
  readonly component: string;
  readonly files: readonly PoolFile[];
  readonly packages: readonly Described[];
  /** What is wrong with the files themselves, each a sentence. */
  readonly faults: readonly string[];
}

/** Debian's layout: `lib` and a letter for libraries, else the first letter. */
function poolPath(component: string, source: string, file: string): string {
  const prefix = source.startsWith('lib') ? source.slice(0, 4) : source.slice(0, 1);
  return `pool/${component}/${prefix}/${source}/${file}`;
}

/** Copies the files of a hand-over into the new directory `into`, on the repository's file system. */
export async function takeOffer(
  exec: Exec,
  dir: string,
  ledger: Ledger,
  entry: QueueEntry,
  handOver: HandOver,
  component: string,
  into: string,
): Promise<Offer> {
  await mkdir(into);
  const files: PoolFile[] = [];
  const packages: Described[] = [];
  const faults: string[] = [];
  const sources = new Set(handOver.sourceFiles.map((file) => file.name));
  for (const file of filesOf(handOver)) {
    const path = poolPath(component, handOver.source, file.name);
    try {
      const copy = (await isPublished(dir, ledger, file, path)) ? undefined : await copyChecked(entry, file, join(into, file.name));
      const taken = { ...file, path, copy };
      files.push(taken);
      const kind = kindOf(file.name, sources.has(file.name), handOver.dsc);
      if (kind !== undefined)
        packages.push({ kind, file: taken, stanza: await readStanza(exec, kind, copy ?? join(dir, path), file.name) });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      faults.push(error.message);
    }
  }
  for (const described of packages) faults.push(...identityFaults(handOver, described));
  return { handOver, component, files, packages, faults };
}

function kindOf(name: string, isSource: boolean, dsc: string): Listed['kind'] | undefined {
  if (isSource) return name === dsc ? 'source' : undefined;
  return name.endsWith('.udeb') ? 'udeb' : /\.d?deb$/.test(name) ? 'binary' : undefined;
}

/** The pool has this very file at this very place: the source of a second architecture, the orig of a second revision. */
async function isPublished(dir: string, ledger: Ledger, file: FileDigest, path: string): Promise<boolean> {
  const published = ledger.files.get(file.name);
  return published?.sha256 === file.sha256 && published.paths.includes(path) && exists(join(dir, path));
}

async function copyChecked(entry: QueueEntry, file: FileDigest, to: string): Promise<string> {
  const refuse = (found: string, cause?: unknown): never => {
    throw new InputError(
      'E_HANDOVER',
      `${file.name} in the hand-over ${entry.id} ${found}: ${file.size} bytes with SHA-256 ${file.sha256} are expected; hand it over again`,
      cause,
    );
  };
  try {
    const { size, digests } = await copyHashing(join(entry.dir, file.name), to, ['sha256'], { maxBytes: file.size });
    return size === file.size && digests.sha256 === file.sha256 ? to : refuse(`has ${size} bytes with SHA-256 ${digests.sha256}`);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return refuse('is missing', error);
    if (codeOf(error) === 'E_NOT_REGULAR') return refuse('is not a regular file', error);
    if (codeOf(error) === 'E_TOO_BIG') return refuse('is larger than listed', error);
    throw error;
  }
}

/** Whether the control fields say what was handed over; the last look before anything bears our signature. */
function identityFaults({ source, version, architecture }: HandOver, { kind, file, stanza }: Described): string[] {
  const faults: string[] = [];
  const expect = (field: string, found: string, expected: readonly string[]): void => {
    if (!expected.includes(found)) faults.push(`${file.name} has ${field} ${found || '(none)'}: ${expected.join(' or ')} is expected`);
  };
  const name = fieldOf(stanza, 'Package') ?? '';
  const itsVersion = fieldOf(stanza, 'Version') ?? '';
  if (kind === 'source') {
    expect('Source', name, [source]);
    expect('Version', itsVersion, [version]);
    return faults;
  }
  const itsArchitecture = fieldOf(stanza, 'Architecture') ?? '';
  const from = sourceOf(stanza);
  expect('the source', from.name, [source]);
  expect('the source version', from.version, [version]);
  expect('Architecture', itsArchitecture, [...new Set([architecture, 'all'])]);
  expect(
    'the name',
    file.name,
    ['deb', 'udeb', 'ddeb'].map((ending) => `${name}_${itsVersion.replace(/^\d+:/, '')}_${itsArchitecture}.${ending}`),
  );
  return faults;
}
