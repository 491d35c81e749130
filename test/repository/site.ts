/** A temporary repository with two suites and its products' queues, real packages to publish, and apt to read it. */
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config, MirrorConfig, Product, RepositoryConfig, SuiteConfig } from '../../lib/config/types.ts';
import type { Context } from '../../lib/context.ts';
import { copyHashing, exists } from '../../lib/disk.ts';
import { exec } from '../../lib/exec.ts';
import { openLog } from '../../lib/log.ts';
import { handOver } from '../../lib/repository/handing.ts';
import type { HandOver, Receipt } from '../../lib/repository/handover.ts';
import { readReceipt } from '../../lib/repository/repository.ts';
import type { FileDigest } from '../../lib/spool/job.ts';
import { Spool } from '../../lib/spool/spool.ts';
import { run } from '../helpers/run.ts';

export interface SiteSettings {
  readonly root: string;
  readonly gnupgHome: string;
  readonly signingKeys: readonly string[];
  readonly mirrors?: readonly MirrorConfig[];
  readonly takeovers?: string;
}

/** The context of a site; pure, so that a child process can make the same. What is printed goes to `printed`. */
export function contextOf(settings: SiteSettings, printed: string[] = []): Context {
  const { root } = settings;
  const suites = ['fremantle', 'diablo'];
  const repository = {
    name: 'extras',
    dir: join(root, 'repositories/extras'),
    suites,
    signingKeys: settings.signingKeys,
    compress: ['gz', 'xz'],
  };
  const product = (name: string, suite: string) =>
    ({ name, repoQueue: join(root, 'queue', name), repository: 'extras', suite, takeovers: settings.takeovers }) as unknown as Product;
  const suite = (name: string): [string, SuiteConfig] => [
    `extras/${name}`,
    {
      repository: 'extras',
      suite: name,
      codename: name,
      origin: 'Example',
      label: 'Extras',
      description: 'Test packages',
      components: ['free', 'non-free'],
      architectures: ['amd64', 'arm64'],
    },
  ];
  const config = {
    global: { spool: join(root, 'spool'), gnupgHome: settings.gnupgHome, acceptUser: undefined, stuckAfterMs: 7_200_000 },
    products: new Map([
      ['fremantle', product('fremantle', 'fremantle')],
      ['diablo', product('diablo', 'diablo')],
    ]),
    repositories: new Map([['extras', repository as unknown as RepositoryConfig]]),
    suites: new Map(suites.map(suite)),
    mirrors: new Map((settings.mirrors ?? []).map((mirror) => [mirror.name, mirror])),
  } as unknown as Config;
  const log = openLog('test', { dir: join(root, 'log'), print: (line) => printed.push(line) });
  return { config, spool: new Spool(join(root, 'spool')), log, now: () => new Date(), exec, dryRun: false };
}

export function repositoryDir(root: string): string {
  return join(root, 'repositories/extras');
}

export interface BinarySpec {
  readonly name: string;
  readonly version?: string;
  readonly architecture?: string;
  /** Further control fields, as lines. */
  readonly fields?: string;
  /** What the package's one file says. */
  readonly content?: string;
  readonly ending?: 'deb' | 'udeb' | 'ddeb';
}
export interface JobSpec {
  readonly source?: string;
  readonly version?: string;
  readonly architecture?: string;
  readonly product?: 'fremantle' | 'diablo';
  readonly component?: string;
  readonly binaries?: readonly BinarySpec[];
  /** What the source contains beside debian/. */
  readonly sourceContent?: string;
  readonly number?: number;
  /** Job id; from the rest by default. */
  readonly job?: string;
  readonly change?: (entry: HandOver) => HandOver;
}

/** Builds source and binaries and hands them over. Returns the id of the hand-over. */
export async function handOverJob(root: string, spec: JobSpec): Promise<string> {
  const { source = 'hello', version = '1.0', architecture = 'amd64', product = 'fremantle' } = spec;
  const work = await mkdtemp(join(root, 'work-'));
  const binaries = spec.binaries ?? [{ name: source }];
  const dsc = await makeSource(work, source, version, spec.sourceContent ?? 'source\n');
  const sourceFiles = await digests(work);
  const built = join(work, 'built');
  await mkdir(built);
  for (const binary of binaries) await makeBinary(built, source, version, architecture, binary);
  const buildinfo = `${source}_${version.replace(/^\d+:/, '')}_${architecture}.buildinfo`;
  await writeFile(join(built, buildinfo), `Format: 1.0\nSource: ${source}\n`);
  const results = await digests(built);
  const job = spec.job ?? `${source}_${version.replace(':', '%3a')}_${architecture}_${product}`;
  const entry: HandOver = {
    id: `${job}.${spec.number ?? 1}`,
    job,
    product,
    repository: 'extras',
    suite: product,
    source,
    version,
    architecture,
    component: spec.component ?? 'free',
    dsc,
    sourceFiles,
    binaries: results.filter(({ name }) => name !== buildinfo),
    ...results.filter(({ name }) => name === buildinfo).map((file) => ({ buildinfo: file }))[0],
  };
  const paths = new Map([
    ...sourceFiles.map(({ name }) => [name, join(work, name)] as const),
    ...results.map(({ name }) => [name, join(built, name)] as const),
  ]);
  const queue = join(root, 'queue', product);
  await mkdir(queue, { recursive: true });
  const wrong = spec.change?.(entry);
  await handOver(queue, entry, paths);
  if (wrong !== undefined) await writeFile(join(queue, entry.id, 'handover.json'), JSON.stringify(wrong));
  await rm(work, { recursive: true });
  return entry.id;
}

async function digests(dir: string): Promise<FileDigest[]> {
  const files: FileDigest[] = [];
  for (const entry of (await readdir(dir, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.isFile()) continue;
    const { size, digests } = await copyHashing(join(dir, entry.name), join(dir, '.copy'), ['sha256'], { sync: false });
    await rm(join(dir, '.copy'));
    files.push({ name: entry.name, size, sha256: digests.sha256 ?? '' });
  }
  return files;
}

async function makeSource(work: string, source: string, version: string, content: string): Promise<string> {
  const tree = join(work, source);
  await mkdir(join(tree, 'debian/source'), { recursive: true });
  await writeFile(join(tree, 'README'), content);
  await writeFile(join(tree, 'debian/source/format'), '3.0 (native)\n');
  await writeFile(
    join(tree, 'debian/changelog'),
    `${source} (${version}) unstable; urgency=low\n\n  * Test.\n\n -- Uma <uma@example.org>  Mon, 01 Jan 2024 00:00:00 +0000\n`,
  );
  const paragraph = `Package: ${source}\nArchitecture: any\nSection: user/utilities\nPriority: optional\nDescription: test\n`;
  await writeFile(
    join(tree, 'debian/control'),
    `Source: ${source}\nMaintainer: Uma <uma@example.org>\nStandards-Version: 4.6.2\n\n${paragraph}`,
  );
  await writeFile(join(tree, 'debian/rules'), '#!/bin/sh\n', { mode: 0o755 });
  await run(['dpkg-source', '-b', tree], { cwd: work, env: { SOURCE_DATE_EPOCH: '1704067200' } });
  await rm(tree, { recursive: true });
  return `${source}_${version.replace(/^\d+:/, '')}.dsc`;
}

async function makeBinary(into: string, source: string, sourceVersion: string, jobArchitecture: string, spec: BinarySpec): Promise<void> {
  const { name, version = sourceVersion, architecture = jobArchitecture, content = `${name}\n`, ending = 'deb' } = spec;
  const tree = join(into, '.tree');
  await mkdir(join(tree, 'DEBIAN'), { recursive: true });
  await mkdir(join(tree, 'usr/share/doc', name), { recursive: true });
  await writeFile(join(tree, 'usr/share/doc', name, 'README'), content);
  const from =
    spec.fields?.includes('Source:') === true || (source === name && version === sourceVersion)
      ? ''
      : `Source: ${source} (${sourceVersion})\n`;
  await writeFile(
    join(tree, 'DEBIAN/control'),
    `Package: ${name}\n${from}Version: ${version}\nArchitecture: ${architecture}\nMaintainer: Uma <uma@example.org>\nSection: user/utilities\nPriority: optional\n${spec.fields ?? ''}Description: test package\n Two lines\n .\n of it.\n`,
  );
  const file = join(into, `${name}_${version.replace(/^\d+:/, '')}_${architecture}.${ending}`);
  await run(['dpkg-deb', '--root-owner-group', '-b', tree, file], { env: { SOURCE_DATE_EPOCH: '1704067200' } });
  await rm(tree, { recursive: true });
}

/** The answer to a hand-over; throws when there is none. */
export async function receiptOf(root: string, id: string): Promise<Receipt> {
  const receipt = await readReceipt(repositoryDir(root), id);
  if (receipt === undefined) throw new Error(`no receipt for ${id}`);
  return receipt;
}

/** Everything below a directory, regular files and links, relative and sorted. */
export async function filesBelow(dir: string, below = ''): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(dir, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) found.push(...(await filesBelow(dir, path)));
    else found.push(path);
  }
  return found.sort();
}

/** An apt of its own: nothing of the machine's configuration, every check switched on. */
export interface Apt {
  get(...args: string[]): Promise<string>;
  /** Exit status and everything that was said. */
  tryGet(...args: string[]): Promise<{ status: number | null; said: string }>;
  /** Directory that downloads go to. */
  readonly dir: string;
}

/** `uri` holds dists and pool; `key` is a binary keyring. */
export async function makeApt(root: string, uri: string, key: Buffer, suite = 'fremantle'): Promise<Apt> {
  const dir = await mkdtemp(join(root, 'apt-'));
  for (const path of ['lists/partial', 'cache/archives/partial', 'state', 'etc/preferences.d', 'download'])
    await mkdir(join(dir, path), { recursive: true });
  await writeFile(join(dir, 'state/status'), '');
  await writeFile(join(dir, 'key.gpg'), key);
  const source = `[arch=amd64 signed-by=${join(dir, 'key.gpg')}] ${uri} ${suite} free non-free\n`;
  await writeFile(join(dir, 'etc/sources.list'), `deb ${source}deb-src ${source}`);
  const settings = {
    Dir: `${dir}/`,
    'Dir::Etc': `${dir}/etc/`,
    'Dir::Etc::SourceList': `${dir}/etc/sources.list`,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State': `${dir}/state/`,
    'Dir::State::Lists': `${dir}/lists/`,
    'Dir::State::status': `${dir}/state/status`,
    'Dir::Cache': `${dir}/cache/`,
    'APT::Architecture': 'amd64',
    'APT::Sandbox::User': '',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Check-Valid-Until': 'true',
    'Acquire::Check-Date': 'true',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '0',
    'Acquire::http::Proxy': 'false',
  };
  const file = join(dir, 'apt.conf');
  await writeFile(
    file,
    `#clear APT::Architectures;\nAPT::Architectures { "amd64"; };\n${Object.entries(settings)
      .map(([key, value]) => `${key} "${value}";\n`)
      .join('')}`,
  );
  const tryGet = async (...args: string[]) => {
    const result = await exec(['apt-get', ...args], {
      env: { ...process.env, APT_CONFIG: file, LC_ALL: 'C' },
      cwd: join(dir, 'download'),
      timeoutMs: 60_000,
    });
    return { status: result.status, said: result.stdout.toString('utf8') + result.stderr };
  };
  const get = async (...args: string[]): Promise<string> => {
    const { status, said } = await tryGet(...args);
    if (status !== 0) throw new Error(`apt-get ${args.join(' ')}: exit status ${status}: ${said}`);
    return said;
  };
  return { get, tryGet, dir: join(dir, 'download') };
}

/** Names in the queues that publish has yet to take. */
export async function queued(root: string): Promise<string[]> {
  const names: string[] = [];
  for (const product of ['fremantle', 'diablo']) {
    const queue = join(root, 'queue', product);
    if (await exists(queue)) names.push(...(await readdir(queue)));
  }
  return names;
}

export async function inodeOf(path: string): Promise<number> {
  return (await stat(path)).ino;
}
