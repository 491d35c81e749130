/** What no single value shows: sections that name one another, and keys that need one another. Pure; every fault at once. */
import { relative } from 'node:path';
import type { Kind, ValuesOf } from './keys.ts';
import { type Fault, type Section, titleOf } from './lines.ts';
import { nearest } from './nearest.ts';
import type { Draft } from './section.ts';

/** Every section of the file, by kind; values that were wrong are lacking, so each rule looks at what is there. */
export type Drafts = { readonly [K in Kind]: readonly Draft<ValuesOf<K>>[] };

type Say = (section: Section, key: string, sentence: string) => void;

/** The faults of all sections together. */
export function checkTogether(drafts: Drafts): Fault[] {
  const faults: Fault[] = [];
  const say: Say = (section, key, sentence) => {
    const line = section.entries.get(key)?.line ?? section.line;
    faults.push({ line, text: `${titleOf(section)} ${sentence}` });
  };
  checkProducts(drafts, say);
  checkHosts(drafts, say);
  checkRepositories(drafts, say);
  checkMirrors(drafts, say);
  return faults;
}

/** What is allowed but hardly meant: an architecture that some product builds and no host does. */
export function warningsOf(drafts: Drafts): Fault[] {
  const built = new Set(drafts.host.flatMap(({ values }) => values.architectures ?? []));
  return drafts.product.flatMap(({ section, values }) =>
    [...(values.architectures ?? []), 'all']
      .filter((architecture) => !built.has(architecture))
      .map((architecture) => ({
        line: section.entries.get('architectures')?.line ?? section.line,
        text: `${titleOf(section)} needs a host for ${architecture}, but none has it; add ${architecture} to the architectures of a [host …], or its jobs stay queued`,
      })),
  );
}

function namesOf(drafts: readonly Draft<unknown>[]): string[] {
  return drafts.map(({ section }) => section.name);
}

function checkProducts(drafts: Drafts, say: Say): void {
  const known = { repository: namesOf(drafts.repository), chroot: namesOf(drafts.chroot), test: namesOf(drafts.test) };
  const incoming = new Map<string, string>();
  for (const { section, values } of drafts.product) {
    const refersTo = (kind: keyof typeof known, key: string, name: string | undefined): void => {
      if (name !== undefined && !known[kind].includes(name))
        say(section, key, `names [${kind} ${name}], which is not there; ${nearest(name, known[kind])}`);
    };
    refersTo('repository', 'repository', values.repository);
    refersTo('chroot', 'chroot', values.chroot);
    for (const test of values.tests ?? []) refersTo('test', 'tests', test);
    const suites = drafts.repository.find(({ section: { name } }) => name === values.repository)?.values.suites;
    if (suites !== undefined && values.suite !== undefined && !suites.includes(values.suite)) {
      say(
        section,
        'suite',
        `has suite = ${values.suite}, which [repository ${values.repository}] has not; ${nearest(values.suite, suites)}`,
      );
    }
    if (values.tool === 'sbuild' && !section.entries.has('chroot'))
      say(section, 'tool', 'builds with sbuild and needs a base system; add a line chroot = NAME and a section [chroot NAME]');
    if (values.tool === 'plain' && !section.entries.has('build_command'))
      say(section, 'tool', 'has tool = plain and needs to be told what to run; add a line build_command = …');
    if (values.unsigned === 'reject' && !section.entries.has('keyring')) {
      say(
        section,
        'unsigned',
        'takes signed uploads only and needs their keys; add a line keyring = FILE (made with gpg --export), or unsigned = accept',
      );
    }
    if (values.incoming === undefined) continue;
    const other = incoming.get(values.incoming);
    if (other === undefined) incoming.set(values.incoming, section.name);
    else say(section, 'incoming', `has the incoming directory of [product ${other}], ${values.incoming}; give each product its own`);
  }
  for (const { section } of drafts.test) {
    if (section.name === 'build') say(section, '', 'has the name of the build itself; name the test otherwise');
  }
}

function checkHosts(drafts: Drafts, say: Say): void {
  for (const { section, values } of drafts.host) {
    const has = (key: string): boolean => section.entries.has(key);
    if (values.kind === 'ssh') {
      if (!has('address')) say(section, 'kind', 'is reached over ssh and needs a line address = user@host:port');
      if (!has('known_hosts'))
        say(
          section,
          'kind',
          "is reached over ssh and needs the host's key; add a line known_hosts = FILE (made with ssh-keyscan, then compared)",
        );
    }
    if (values.kind === 'local' && has('address'))
      say(section, 'address', 'is this machine (kind = local) and has an address; take it out, or write kind = ssh');
  }
}

function checkRepositories(drafts: Drafts, say: Say): void {
  const known = drafts.repository.flatMap(({ section, values }) => (values.suites ?? []).map((suite) => `${section.name}/${suite}`));
  for (const { section } of drafts.suite) {
    // A name without a repository is told elsewhere; where the repository's own list could not be read, its suites are not known.
    const owner = drafts.repository.find(({ section: { name } }) => name === section.name.split('/')[0]);
    if (!section.name.includes('/') || (owner !== undefined && owner.values.suites === undefined)) continue;
    if (!known.includes(section.name))
      say(section, '', `is not a suite of a repository (REPOSITORY/SUITE, SUITE among its suites); ${nearest(section.name, known)}`);
  }
}

function checkMirrors(drafts: Drafts, say: Say): void {
  const known = namesOf(drafts.repository);
  const directory = drafts.global[0]?.values.repositoryDir;
  for (const { section, values } of drafts.mirror) {
    if (values.repository !== undefined && !known.includes(values.repository)) {
      say(section, 'repository', `names [repository ${values.repository}], which is not there; ${nearest(values.repository, known)}`);
    }
    if (values.to?.kind === 'ssh' && !section.entries.has('known_hosts'))
      say(section, 'to', "is reached over ssh and needs the host's key; add a line known_hosts = FILE");
    if (
      values.to?.kind === 'directory' &&
      directory !== undefined &&
      (isWithin(values.to.path, directory) || isWithin(directory, values.to.path))
    ) {
      say(
        section,
        'to',
        `lies in or around repository_dir (${directory}), and syncing deletes what the repository has not; take a directory apart`,
      );
    }
  }
}

function isWithin(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way === '' || !(way === '..' || way.startsWith('../'));
}
