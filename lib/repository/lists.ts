/**
 * `serials/N/SUITE.list`: the truth of what a suite holds, a line per source and binary. One promise: what is written is what is read, and
 * a damaged line is an error, never a package less.
 */
import { compareVersions } from '../formats/deb/version.ts';

/** A source (its .dsc), a binary (.deb, .ddeb) or one for the installer (.udeb) that a suite holds. */
export interface Listed {
  readonly kind: 'source' | 'binary' | 'udeb';
  readonly component: string;
  readonly name: string;
  /** The binary's own, which may differ from its source's. */
  readonly version: string;
  /** `source` for a source. */
  readonly architecture: string;
  /** Name and version of the source package; a source's own. */
  readonly source: string;
  readonly sourceVersion: string;
  /** Below the repository: `pool/…`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** The job that published it. */
  readonly job: string;
}

/** File name of a suite's list in its serial. */
export function listName(suite: string): string {
  return `${suite.replaceAll('/', '_')}.list`;
}

/** Sorted, so that the same contents are the same bytes. No field of a package has a blank in it. */
export function formatList(lines: readonly Listed[]): string {
  return lines
    .map(
      (l) =>
        `${[l.kind, l.component, l.name, l.version, l.architecture, l.source, l.sourceVersion, l.path, l.size, l.sha256, l.job].join(' ')}\n`,
    )
    .sort()
    .join('');
}

/** `where` is named when a line is damaged. */
export function parseList(text: string, where: string): Listed[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error(`${where} is damaged: its last line is cut short`);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line, index) => {
      const [kind, component, name, version, architecture, source, sourceVersion, path, size, sha256, job, ...rest] = line.split(' ');
      if (kind !== 'source' && kind !== 'binary' && kind !== 'udeb')
        throw new Error(`${where}:${index + 1} is not a line of a suite's list`);
      if (
        !component ||
        !name ||
        !version ||
        !architecture ||
        !source ||
        !sourceVersion ||
        !path ||
        !size ||
        !sha256 ||
        !job ||
        rest.length > 0
      ) {
        throw new Error(`${where}:${index + 1} is damaged: 11 fields are expected`);
      }
      return { kind, component, name, version, architecture, source, sourceVersion, path, size: Number(size), sha256, job };
    });
}

/** What a suite keeps: of each name and architecture the newest version, and every source that a kept binary came from. */
export function keepNewest(lines: readonly Listed[]): Listed[] {
  const newest = new Map<string, Listed>();
  for (const line of lines) {
    const key = `${line.kind} ${line.name} ${line.architecture}`;
    const other = newest.get(key);
    if (other === undefined || compareVersions(line.version, other.version) > 0) newest.set(key, line);
  }
  const kept = new Set(newest.values());
  const needed = new Set([...kept].filter((line) => line.kind !== 'source').map((line) => `${line.source} ${line.sourceVersion}`));
  return lines.filter((line) => kept.has(line) || (line.kind === 'source' && needed.has(`${line.name} ${line.version}`)));
}
