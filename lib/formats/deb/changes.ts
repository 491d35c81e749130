/** An upload's .changes (deb-changes(5)) as values. One promise: as for a .dsc, every fault of its form is found in one reading. */
import { fieldOf, splitWords } from './control.ts';
import { fieldReader, onlyParagraph, validPackageName } from './dsc.ts';
import { type ListedFile, readFileList } from './filelist.ts';
import { validVersion } from './version.ts';

export interface Changes {
  readonly format: string;
  /** Name of the source, without a `(version)` behind it. Like every text here: empty when it was missing. */
  readonly source: string;
  /** The upload's own version, with its epoch. */
  readonly version: string;
  /** The `(version)` behind Source, where the binaries' differs from the source's; else as `version`. */
  readonly sourceVersion: string;
  /** `source`, and those of the binaries that come along. */
  readonly architectures: readonly string[];
  readonly binaries: readonly string[];
  readonly distribution: string;
  readonly maintainer: string;
  readonly changedBy: string | undefined;
  /** What changed, for mails. */
  readonly changes: string;
  readonly files: readonly ListedFile[];
}

/** Reads a .changes' signed text. `needsSha256: false` takes one whose files have weaker digests alone. */
export function readChanges(text: string, options: { readonly needsSha256?: boolean } = {}): { changes: Changes; faults: string[] } {
  const { paragraph, faults } = onlyParagraph(text);
  const need = fieldReader(paragraph, faults);
  const format = need('Format', (value) => /^1\.\d{1,2}$/.test(value), '1.8');
  const named = need('Source', (value) => SOURCE.test(value), 'the name of a source package');
  const [, source = '', inBrackets] = SOURCE.exec(named) ?? [];
  const version = need('Version', validVersion, 'a Debian version that starts with a digit');
  const architectures = splitWords(need('Architecture'));
  const distribution = need('Distribution', (value) => /^[A-Za-z0-9][A-Za-z0-9.+~_/-]{0,99}$/.test(value), 'the name of one suite');
  const maintainer = need('Maintainer');
  if (source !== '' && !validPackageName(source)) faults.push(`Source is '${source}', which is no name of a package`);
  const { files, faults: listFaults } = readFileList(paragraph, 5, options.needsSha256 ?? true);
  return {
    changes: {
      format,
      source,
      version,
      sourceVersion: inBrackets ?? version,
      architectures,
      binaries: splitWords(fieldOf(paragraph, 'Binary') ?? ''),
      distribution,
      maintainer,
      changedBy: fieldOf(paragraph, 'Changed-By'),
      changes: fieldOf(paragraph, 'Changes') ?? '',
      files,
    },
    faults: [...faults, ...listFaults],
  };
}

const SOURCE = /^([a-z0-9][a-z0-9+.-]+)(?: \(([^\s()]+)\))?$/;
