/**
 * Who may have a binary package's name: the source that has it in the suite, or one that `takeovers = FILE` lets take it. One promise: no
 * source reaches another's names unless an operator wrote it down.
 */
import { readFile } from 'node:fs/promises';
import { ConfigError, textOf } from '../errors.ts';

/** Whether a source may take a binary name from another. */
export type MayTakeOver = (binary: string, source: string) => boolean;

/** Reads a file of lines `BINARY SOURCE`, `#` begins a comment; no file: nobody may. Throws ConfigError with every line that is not understood. */
export async function readTakeovers(path: string | undefined): Promise<MayTakeOver> {
  if (path === undefined) return () => false;
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new ConfigError('E_TAKEOVERS', `the takeovers file ${path} cannot be read: ${textOf(error)}`, error);
  });
  const allowed = new Set<string>();
  const faults: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (words.length === 2) allowed.add(words.join(' '));
    else if (words[0] !== '') faults.push(`${path}, line ${index + 1}: expected BINARY SOURCE`);
  }
  if (faults.length > 0) throw new ConfigError('E_TAKEOVERS', faults);
  return (binary, source) => allowed.has(`${binary} ${source}`);
}

/** Faults of names that another source has; `ownerOf` answers for the suite. */
export function foreignNames(
  names: readonly string[],
  source: string,
  suite: string,
  ownerOf: (binary: string) => string | undefined,
  mayTakeOver: MayTakeOver,
): string[] {
  return names.flatMap((name) => {
    const owner = ownerOf(name);
    if (owner === undefined || owner === source || mayTakeOver(name, source)) return [];
    return [
      `the binary package ${name} belongs to source ${owner} in suite ${suite}: rename it, or ask the operator for the line '${name} ${source}' in the takeovers file`,
    ];
  });
}
