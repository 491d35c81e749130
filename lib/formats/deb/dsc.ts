/**
 * A source package's .dsc (dsc(5)) as values. One promise: every fault of its form is found in one reading, and what is returned beside
 * faults is only ever used to say more about them.
 */
import { excerpt, fieldOf, type Paragraph, parseControl, splitWords } from './control.ts';
import { type ListedFile, readFileList } from './filelist.ts';
import { validVersion } from './version.ts';

export interface Dsc {
  /** `1.0`, `3.0 (native)`, `3.0 (quilt)`. Like every text here: empty when it was missing. */
  readonly format: string;
  readonly source: string;
  /** With its epoch. */
  readonly version: string;
  /** `any`, `all`, names and wildcards, as written. */
  readonly architectures: readonly string[];
  /** Names of the binary packages, from Binary and Package-List. */
  readonly binaries: readonly string[];
  /** Empty when there is no Package-List (dpkg before 1.17). */
  readonly packages: readonly PackageListEntry[];
  readonly maintainer: string;
  readonly files: readonly ListedFile[];
}

export interface PackageListEntry {
  readonly name: string;
  /** `deb` or `udeb`. */
  readonly type: string;
  readonly section: string;
  readonly priority: string;
  /** Empty when the line says nothing of architectures. */
  readonly architectures: readonly string[];
}

const FORMATS: readonly string[] = ['1.0', '3.0 (native)', '3.0 (quilt)'];

/** Whether a name may be that of a source or binary package (Debian policy 5.6.1). */
export function validPackageName(name: string): boolean {
  return /^[a-z0-9][a-z0-9+.-]{1,99}$/.test(name);
}

/** Reads a .dsc's signed text. `needsSha256: false` takes one whose files have weaker digests alone. */
export function readDsc(text: string, options: { readonly needsSha256?: boolean } = {}): { dsc: Dsc; faults: string[] } {
  const { paragraph, faults } = onlyParagraph(text);
  const need = fieldReader(paragraph, faults);
  const format = need('Format', (value) => FORMATS.includes(value), `one of ${FORMATS.join(', ')}`);
  const source = need('Source', validPackageName, 'the name of a source package');
  const version = need('Version', validVersion, 'a Debian version that starts with a digit');
  const architectures = splitWords(need('Architecture', validArchitectures, 'architecture names'));
  const maintainer = need('Maintainer');
  const packages = readPackageList(fieldOf(paragraph, 'Package-List') ?? '', faults);
  const binaries = new Set([...packages.map(({ name }) => name), ...splitWords((fieldOf(paragraph, 'Binary') ?? '').replaceAll(',', ' '))]);
  for (const name of binaries) if (!validPackageName(name)) faults.push(`Binary names '${excerpt(name)}', which is no name of a package`);
  const list = readFileList(paragraph, 3, options.needsSha256 ?? true);
  return {
    dsc: { format, source, version, architectures, binaries: [...binaries], packages, maintainer, files: list.files },
    faults: [...faults, ...list.faults],
  };
}

/** `name type section priority [arch=a,b] [profile=…]` a line (deb-src-control(5)). */
function readPackageList(value: string, faults: string[]): PackageListEntry[] {
  const entries: PackageListEntry[] = [];
  for (const line of value.split('\n').filter((each) => each !== '')) {
    const [name = '', type = '', section = '', priority = '', ...rest] = splitWords(line);
    if (priority === '' || !validPackageName(name)) {
      faults.push(`Package-List has the line '${excerpt(line.trim())}'; expected name, type, section and priority`);
      continue;
    }
    const architectures = (rest.find((word) => word.startsWith('arch='))?.slice(5) ?? '').split(',').filter((word) => word !== '');
    entries.push({ name, type, section, priority, architectures });
  }
  return entries;
}

/** The one paragraph of a .dsc or .changes; with anything else it comes with a fault. */
export function onlyParagraph(text: string): { paragraph: Paragraph; faults: string[] } {
  const { paragraphs, faults } = parseControl(text);
  const [paragraph = new Map(), second] = paragraphs;
  return {
    paragraph,
    faults: second === undefined ? [...faults] : [...faults, 'it has more than one paragraph: a blank line may stand at its end only'],
  };
}

/** Gives a function that reads fields that must be there, on one line; what is missing or not `good` becomes a fault and ''. */
export function fieldReader(
  paragraph: Paragraph,
  faults: string[],
): (name: string, good?: (value: string) => boolean, expected?: string) => string {
  return (name, good = () => true, expected = '') => {
    const value = fieldOf(paragraph, name) ?? '';
    if (value === '') faults.push(`the field ${name} is missing`);
    else if (value.includes('\n')) faults.push(`the field ${name} has more than one line`);
    else if (!good(value)) faults.push(`${name} is '${excerpt(value)}'; expected ${expected}`);
    else return value;
    return '';
  };
}

function validArchitectures(value: string): boolean {
  return splitWords(value).every((word) => /^[a-z0-9][a-z0-9-]{0,39}$/.test(word));
}

/**
 * Whether an architecture is meant by a name or wildcard of a .dsc (`any`, `linux-any`, `any-arm64`). Architectures without a dash are
 * Linux ones; armel and armhf share the processor `arm` (dpkg's tupletable).
 */
export function matchesArchitecture(pattern: string, architecture: string): boolean {
  if (pattern === architecture || pattern === 'any') return architecture !== 'all' || pattern === 'all';
  const [system = '', processor = ''] = pattern.split('-').slice(-2);
  if (system !== 'any' && processor !== 'any') return false;
  const [ownSystem = '', ownProcessor = ''] = architecture.includes('-') ? architecture.split('-').slice(-2) : ['linux', architecture];
  const cpu = ownProcessor === 'armel' || ownProcessor === 'armhf' ? 'arm' : ownProcessor;
  return (system === 'any' || system === ownSystem) && (processor === 'any' || processor === cpu);
}
