/**
 * The next serial while it is being decided: the suites' lists and the ledger as they will be. One promise: what was once published under
 * a name is never published otherwise, and no source takes another's binary name in a suite unless it may.
 */
import type { RepositoryConfig, SuiteConfig } from '../config/types.ts';
import { fieldOf } from '../formats/deb/control.ts';
import type { Receipt } from './handover.ts';
import { addToLedger, type Ledger, type LedgerLine } from './ledger.ts';
import { keepNewest, type Listed } from './lists.ts';
import type { Offer, PoolFile } from './offer.ts';
import { openRepository } from './repository.ts';
import { foreignNames, type MayTakeOver } from './takeovers.ts';

export interface Draft {
  readonly dir: string;
  /** The serial to be. */
  readonly serial: number;
  readonly lists: Map<string, readonly Listed[]>;
  readonly ledger: Ledger;
  /** What the ledger will get. */
  readonly redo: LedgerLine[];
  /** What the pool will get. */
  readonly files: PoolFile[];
}

/** A draft that holds what the newest serial holds. */
export async function openDraft(repository: RepositoryConfig): Promise<Draft> {
  const now = await openRepository(repository);
  const lists = new Map(repository.suites.map((suite) => [suite, now.list(suite)]));
  return { dir: repository.dir, serial: (now.serial ?? 0) + 1, lists, ledger: now.ledger, redo: [], files: [] };
}

/** Why an offer cannot be published, each a sentence; none: it can. */
export function conflictsWith(
  draft: Draft,
  { handOver, files, packages, component }: Offer,
  suite: SuiteConfig,
  mayTakeOver: MayTakeOver,
): string[] {
  const faults: string[] = [];
  if (!suite.components.includes(component)) {
    faults.push(`the component ${component} of ${handOver.source} is none of suite ${suite.suite}: ${suite.components.join(', ')} are`);
  }
  for (const file of files) {
    const published = draft.ledger.files.get(file.name);
    if (published !== undefined && published.sha256 !== file.sha256) {
      faults.push(
        `${file.name} was published with other content (SHA-256 ${published.sha256}, now ${file.sha256}): what is published never changes; upload a higher version`,
      );
    }
  }
  for (const { kind, stanza, file } of packages) {
    if (kind === 'source') continue;
    const architecture = fieldOf(stanza, 'Architecture') ?? '';
    if (architecture !== 'all' && !suite.architectures.includes(architecture)) {
      faults.push(`${file.name} is for ${architecture}, which suite ${suite.suite} does not have: ${suite.architectures.join(', ')} are`);
    }
  }
  const binaries = packages.filter(({ kind }) => kind !== 'source').map(({ stanza }) => fieldOf(stanza, 'Package') ?? '');
  const owned = (draft.lists.get(suite.suite) ?? []).filter((line) => line.kind !== 'source');
  const owner = (name: string): string | undefined => owned.find((line) => line.name === name && line.source !== handOver.source)?.source;
  faults.push(...foreignNames(binaries, handOver.source, suite.suite, owner, mayTakeOver));
  return faults;
}

/** Puts an offer without conflicts into the draft. Returns the receipt that it will get. */
export function addToDraft(draft: Draft, offer: Offer, time: Date): Receipt {
  const { handOver, component, files, packages } = offer;
  const { serial } = draft;
  const listed = packages.map(({ kind, file, stanza }): Listed => {
    const name = fieldOf(stanza, 'Package') ?? '';
    const architecture = kind === 'source' ? 'source' : (fieldOf(stanza, 'Architecture') ?? '');
    const { path, size, sha256 } = file;
    const version = fieldOf(stanza, 'Version') ?? '';
    return {
      kind,
      component,
      name,
      version,
      architecture,
      source: handOver.source,
      sourceVersion: handOver.version,
      path,
      size,
      sha256,
      job: handOver.job,
    };
  });
  const before = draft.lists.get(handOver.suite) ?? [];
  const had = new Set(before.map((line) => line.path));
  const added = listed.filter((line) => !had.has(line.path));
  // A name that was taken over leaves with all that its former source had under it.
  const names = new Set(listed.filter((line) => line.kind !== 'source').map((line) => line.name));
  const stays = before.filter((line) => line.kind === 'source' || line.source === handOver.source || !names.has(line.name));
  draft.lists.set(handOver.suite, keepNewest([...stays, ...added]));
  draft.files.push(...files);
  const receipt: Receipt = {
    id: handOver.id,
    job: handOver.job,
    outcome: 'published',
    serial,
    packages: added.map(({ name, version, architecture }) => ({ name, version, architecture })),
    time: time.toISOString(),
  };
  const lines: LedgerLine[] = [];
  const dsc = files.find((file) => file.name === handOver.dsc)?.sha256 ?? '';
  if (draft.ledger.versions.get(handOver.source)?.has(handOver.version) !== true) {
    lines.push({ kind: 'source', serial, suite: handOver.suite, source: handOver.source, version: handOver.version, dsc });
  }
  for (const { name, path, size, sha256 } of files) {
    if (draft.ledger.files.get(name)?.paths.includes(path) !== true) lines.push({ kind: 'file', serial, name, path, size, sha256 });
  }
  lines.push({ kind: 'job', serial, receipt });
  for (const line of lines) addToLedger(draft.ledger, line);
  draft.redo.push(...lines);
  return receipt;
}
