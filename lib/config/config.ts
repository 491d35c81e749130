/**
 * The configuration's door: buildme.conf to one typed, frozen value. One promise: either every line means what it says, or there is one
 * ConfigError with every fault, each with its line. Nothing but the file itself is read: an idle stage pays for this.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ConfigError, textOf } from '../errors.ts';
import { checkTogether, type Drafts, warningsOf } from './checks.ts';
import { type Kind, TABLES, type ValuesOf } from './keys.ts';
import { type Fault, readLines, type Section, titleOf } from './lines.ts';
import { nearest } from './nearest.ts';
import { type Draft, type Look, readSection, textOfKey } from './section.ts';
import type { Config, GlobalConfig, Product, RepositoryConfig, SuiteConfig } from './types.ts';

/** Reads the file at `path`. Throws ConfigError: E_NO_CONFIG, or E_CONFIG whose `faults` are `FILE:LINE: sentence`. */
export function readConfig(path: string): Config {
  const file = resolve(path);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(
      'E_NO_CONFIG',
      `cannot read the configuration ${file}: ${textOf(error)}; name it with -c FILE or $BUILDME_CONF, or write /etc/buildme.conf (etc/buildme.conf explains every key)`,
      error,
    );
  }
  return parseConfig(text, file);
}

/** Like readConfig, from the text of `file` (an absolute path; relative paths in the text start at its directory). */
export function parseConfig(text: string, file: string): Config {
  const { sections, faults: lineFaults } = readLines(text);
  const faults = [...lineFaults, ...misnamed(sections)];
  const drafts = readSections(sections, dirname(file), faults);
  faults.push(...checkTogether(drafts));
  const sentences = (list: readonly Fault[]): string[] =>
    list.toSorted((a, b) => a.line - b.line).map((fault) => `${file}:${fault.line}: ${fault.text}`);
  if (faults.length > 0) throw new ConfigError('E_CONFIG', sentences(faults));
  return freeze(assemble(file, drafts, sentences(warningsOf(drafts))));
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9+_~.-]{0,99}$/;

/** Sections of no kind, and names that cannot be those of a directory. */
function misnamed(sections: readonly Section[]): Fault[] {
  const kinds = Object.keys(TABLES);
  return sections.flatMap(({ kind, name, line }) => {
    const say = (sentence: string): Fault[] => [{ line, text: `${titleOf({ kind, name })} ${sentence}` }];
    if (!kinds.includes(kind)) return say(`is of no known kind; ${nearest(kind, kinds)}`);
    if (kind === 'global') return name === '' ? [] : say('has a name; write [global]');
    if (name === '') return say(`lacks a name; write [${kind} NAME]`);
    const parts = kind === 'suite' ? name.split('/') : [name];
    if (kind === 'suite' && parts.length < 2) return say('lacks its repository; write [suite REPOSITORY/SUITE]');
    return parts.every((part) => NAME.test(part))
      ? []
      : say('has a name of other characters than letters, digits and + _ ~ . -, or one that begins with none of the first two');
  });
}

function readSections(sections: readonly Section[], dir: string, faults: Fault[]): Drafts {
  const written = sections.find(({ kind, name }) => kind === 'global' && name === '');
  const globalSection: Section = written ?? { kind: 'global', name: '', line: 1, entries: new Map() };
  const nothing: Look = () => undefined;
  const global = readSection(TABLES.global, globalSection, nothing, dir, faults);
  const site =
    global.values.site ??
    createHash('sha256')
      .update(global.values.chrootDir ?? '')
      .digest('hex')
      .slice(0, 8);
  const outer: Look = (name) => (name === 'site' ? site : textOfKey(TABLES.global, globalSection, name));
  const read = <K extends Kind>(kind: K): Draft<ValuesOf<K>>[] =>
    sections
      .filter((section) => section.kind === kind)
      .map((section) => readSection(TABLES[kind], section, outer, dir, faults) as Draft<ValuesOf<K>>);
  return {
    global: [{ section: globalSection, values: { ...global.values, site } }],
    product: read('product'),
    chroot: read('chroot'),
    host: read('host'),
    test: read('test'),
    repository: read('repository'),
    suite: read('suite'),
    mirror: read('mirror'),
  };
}

/** Drafts without a fault are whole. */
function assemble(file: string, drafts: Drafts, warnings: readonly string[]): Config {
  const named = <V>(list: readonly Draft<V>[]): Map<string, V & { readonly name: string }> =>
    new Map(list.map(({ section: { name }, values }) => [name, { name, ...(values as V) }]));
  const values = drafts.global[0]?.values as ValuesOf<'global'>;
  const global: GlobalConfig = { ...values, mailFrom: values.mailFrom ?? `buildme@${hostname()}`, site: values.site ?? '' };
  const products = named(drafts.product);
  const repositories = named(drafts.repository);
  return {
    file,
    global,
    products,
    chroots: named(drafts.chroot),
    hosts: named(drafts.host),
    tests: named(drafts.test),
    repositories: new Map(
      [...repositories].map(([name, repository]) => [
        name,
        { ...repository, dir: join(global.repositoryDir, name) } satisfies RepositoryConfig,
      ]),
    ),
    suites: suitesOf([...repositories.values()], named(drafts.suite), [...products.values()]),
    mirrors: named(drafts.mirror),
    warnings,
  };
}

/** Every suite of every repository: its own section, else the repository's keys, else what its products publish. */
function suitesOf(
  repositories: readonly (ValuesOf<'repository'> & { readonly name: string })[],
  sections: ReadonlyMap<string, ValuesOf<'suite'>>,
  products: readonly Product[],
): Map<string, SuiteConfig> {
  const suites = new Map<string, SuiteConfig>();
  for (const repository of repositories) {
    const published = products.filter((product) => product.repository === repository.name);
    for (const suite of repository.suites) {
      const own = sections.get(`${repository.name}/${suite}`);
      const here = published.filter((product) => product.suite === suite);
      // A suite that nothing is uploaded to is fed from the others.
      const feeding = here.length > 0 ? here : published;
      suites.set(`${repository.name}/${suite}`, {
        repository: repository.name,
        suite,
        codename: own?.codename ?? suite,
        origin: own?.origin ?? repository.origin ?? repository.name,
        label: own?.label ?? repository.label ?? repository.name,
        description: own?.description ?? repository.description ?? `${repository.name} ${suite}`,
        components: own?.components ?? repository.components ?? [...new Set(feeding.flatMap(({ components }) => components))],
        architectures: own?.architectures ??
          repository.architectures ?? [...new Set(feeding.flatMap(({ architectures }) => architectures))],
      });
    }
  }
  return suites;
}

/** Freezes all but the maps themselves, which ReadonlyMap guards. */
function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const below of value instanceof Map ? value.values() : Object.values(value)) freeze(below);
  return Object.freeze(value);
}
