/**
 * What a build left, against what was asked for. One promise: only packages of the asked source and version, by names that the source
 * declares, listed by the build's own .changes with the right digests, come out without a fault.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashFile } from '../../disk.ts';
import { InputError, textOf } from '../../errors.ts';
import type { Exec } from '../../exec.ts';
import type { FileDigest, JobFile } from '../../spool/job.ts';
import { type Changes, readChanges } from './changes.ts';
import { fieldOf, parseControl } from './control.ts';
import { readDebControl, sourceOf } from './debfile.ts';
import { textFaults } from './text.ts';
import { withoutEpoch } from './version.ts';

export interface BuiltPackage {
  /** File name. */
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** By its Source field, else its own name and version. */
  readonly source: string;
  readonly sourceVersion: string;
  readonly section: string;
}

export interface BuildResults {
  readonly files: readonly FileDigest[];
  /** Undefined when there is none, or more than one. */
  readonly changes: Changes | undefined;
  readonly changesNames: readonly string[];
  readonly buildinfoNames: readonly string[];
  /** Names and SHA-256 that the .buildinfo lists. */
  readonly buildinfoFiles: ReadonlyMap<string, string>;
  readonly packages: readonly BuiltPackage[];
  /** What could not be read at all. */
  readonly faults: readonly string[];
}

const IS_PACKAGE = /\.(deb|udeb|ddeb)$/;
const MAX_CONTROL_BYTES = 16 << 20;

/** Reads a directory of results: digests, the .changes, the .buildinfo, each package's control fields. */
export async function readResults(exec: Exec, dir: string): Promise<BuildResults> {
  const faults: string[] = [];
  const names = (await readdir(dir)).sort();
  const files = await Promise.all(names.map(async (name): Promise<FileDigest> => ({ name, ...(await hashFile(join(dir, name))) })));
  const changesNames = names.filter((name) => name.endsWith('.changes'));
  const buildinfoNames = names.filter((name) => name.endsWith('.buildinfo'));
  const readText = async (name: string): Promise<string> => {
    const { size = 0 } = files.find((file) => file.name === name) ?? {};
    if (size > MAX_CONTROL_BYTES) {
      faults.push(`${name} has ${size} bytes; at most ${MAX_CONTROL_BYTES} are read`);
      return '';
    }
    const bytes = await readFile(join(dir, name));
    faults.push(...textFaults(bytes, name));
    return bytes.toString('utf8');
  };
  const [changesName] = changesNames;
  const [buildinfoName] = buildinfoNames;
  const changes = changesName === undefined ? undefined : readChanges(await readText(changesName));
  if (changes !== undefined) faults.push(...changes.faults.map((fault) => `${changesName}: ${fault}`));
  const buildinfoFiles = new Map(buildinfoName === undefined ? [] : checksumsOf(await readText(buildinfoName)));
  const packages: BuiltPackage[] = [];
  for (const name of names.filter((each) => IS_PACKAGE.test(each))) {
    try {
      packages.push(await readPackage(exec, dir, name));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      faults.push(textOf(error));
    }
  }
  return {
    files,
    changes: changesNames.length === 1 ? changes?.changes : undefined,
    changesNames,
    buildinfoNames,
    buildinfoFiles,
    packages,
    faults,
  };
}

/** A .buildinfo has Checksums-* and no Files (deb-buildinfo(5)). */
function checksumsOf(text: string): [name: string, sha256: string][] {
  const [paragraph] = parseControl(text).paragraphs;
  const value = paragraph === undefined ? '' : (fieldOf(paragraph, 'Checksums-Sha256') ?? '');
  return value
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/))
    .map(([sha256 = '', , name = '']) => [name, sha256]);
}

async function readPackage(exec: Exec, dir: string, file: string): Promise<BuiltPackage> {
  const control = await readDebControl(exec, join(dir, file));
  const field = (name: string): string => fieldOf(control, name) ?? '';
  const { name: source, version: sourceVersion } = sourceOf(control);
  return {
    file,
    name: field('Package'),
    version: field('Version'),
    architecture: field('Architecture'),
    source,
    sourceVersion,
    section: field('Section'),
  };
}

/** Every fault of the results of a build step; none: they are what was asked for. Names of other sources are the caller's to ask about. */
export function problemsWith(results: BuildResults, job: JobFile): string[] {
  return [
    ...results.faults,
    ...changesProblems(results, job),
    ...listProblems(results),
    ...buildinfoProblems(results, job),
    ...results.packages.flatMap((built) => packageProblems(built, job)),
  ];
}

function changesProblems({ changes, changesNames, packages }: BuildResults, job: JobFile): string[] {
  if (changesNames.length !== 1)
    return [
      `the build left ${changesNames.length === 0 ? 'no .changes' : `several .changes (${changesNames.join(', ')})`}; expected exactly one`,
    ];
  if (changes === undefined) return [];
  const problems: string[] = [];
  if (changes.source !== job.source) problems.push(`${changesNames[0]} is of source ${changes.source}; ${job.source} was asked for`);
  if (changes.sourceVersion !== job.version)
    problems.push(`${changesNames[0]} is of version ${changes.sourceVersion}; ${job.version} was asked for`);
  const strange = changes.architectures.filter((each) => each !== job.architecture && !(each === 'all' && job.buildsAll));
  if (strange.length > 0) problems.push(`${changesNames[0]} is for ${strange.join(' ')}; ${wantedArchitectures(job)} was asked for`);
  if (packages.length === 0) problems.push('the build left no package');
  return problems;
}

function wantedArchitectures(job: JobFile): string {
  return job.buildsAll && job.architecture !== 'all' ? `${job.architecture} and all` : job.architecture;
}

/** The .changes lists exactly the other results, with their sizes and digests. */
function listProblems({ changes, changesNames, files }: BuildResults): string[] {
  if (changes === undefined) return [];
  const problems: string[] = [];
  const listed = new Map(changes.files.map((file) => [file.name, file]));
  for (const file of files) {
    const line = listed.get(file.name);
    listed.delete(file.name);
    if (changesNames.includes(file.name)) continue;
    if (line === undefined) problems.push(`${file.name} was left by the build, but ${changesNames[0]} does not list it`);
    else if (line.size !== file.size || line.digests.sha256 !== file.sha256)
      problems.push(`${file.name} is not what ${changesNames[0]} lists: its size or SHA-256 differs`);
    if (!/\.(deb|udeb|ddeb|buildinfo)$/.test(file.name))
      problems.push(`${file.name} is no package and no .buildinfo; nothing else can be published`);
  }
  return [...problems, ...[...listed.keys()].map((name) => `${changesNames[0]} lists ${name}, which the build did not leave`)];
}

/** It lists the packages, and its name is spent with them: it must not be that of another source's. */
function buildinfoProblems({ buildinfoNames, buildinfoFiles, files }: BuildResults, job: JobFile): string[] {
  const [name, ...others] = buildinfoNames;
  if (name === undefined) return [];
  if (others.length > 0) return [`the build left several .buildinfo (${buildinfoNames.join(', ')}); expected at most one`];
  const problems: string[] = [];
  const stem = `${job.source}_${withoutEpoch(job.version)}_`;
  if (!name.startsWith(stem)) problems.push(`${name} is not named as the .buildinfo of ${job.source} ${job.version}: ${stem}… is expected`);
  const packages = files.filter((file) => IS_PACKAGE.test(file.name));
  for (const file of packages) {
    const listed = buildinfoFiles.get(file.name);
    if (listed !== file.sha256) problems.push(`${name} ${listed === undefined ? 'does not list' : 'has another SHA-256 for'} ${file.name}`);
  }
  const strange = [...buildinfoFiles.keys()].filter((listed) => IS_PACKAGE.test(listed) && !packages.some((file) => file.name === listed));
  return [...problems, ...strange.map((listed) => `${name} lists ${listed}, which the build did not leave`)];
}

function packageProblems(built: BuiltPackage, job: JobFile): string[] {
  const problems: string[] = [];
  const { file, name } = built;
  const expected = `${name}_${withoutEpoch(built.version)}_${built.architecture}`;
  if (file.replace(IS_PACKAGE, '') !== expected)
    problems.push(`${file} holds package ${name} ${built.version} ${built.architecture}; it should be named ${expected}`);
  if (built.source !== job.source || built.sourceVersion !== job.version) {
    problems.push(`${file} says that it is of source ${built.source} ${built.sourceVersion}; ${job.source} ${job.version} was asked for`);
  }
  const declared = job.binaries.includes(name) || (name.endsWith('-dbgsym') && job.binaries.includes(name.slice(0, -'-dbgsym'.length)));
  if (!declared) problems.push(`${file} holds package ${name}, which the .dsc does not declare (${job.binaries.join(' ')})`);
  if (built.architecture !== job.architecture && !(built.architecture === 'all' && job.buildsAll)) {
    problems.push(`${file} is for ${built.architecture}; ${wantedArchitectures(job)} was asked for`);
  }
  return problems;
}
