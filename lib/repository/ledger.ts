/**
 * The ledger: every source, version, file name and job ever published. Append-only, never swept, asked before anything is accepted. One
 * promise: the lines of a serial lie in the serial itself before it becomes the current one, so that a crash in between loses none.
 */
import { join } from 'node:path';
import { appendDurable, readJsonLines } from '../disk.ts';
import type { Receipt } from './handover.ts';

export type LedgerLine =
  | {
      readonly kind: 'source';
      readonly serial: number;
      readonly suite: string;
      readonly source: string;
      readonly version: string;
      readonly dsc: string;
    }
  | {
      readonly kind: 'file';
      readonly serial: number;
      readonly name: string;
      readonly path: string;
      readonly size: number;
      readonly sha256: string;
    }
  | { readonly kind: 'job'; readonly serial: number; readonly receipt: Receipt };

/** A published file; one name has one content, but may lie in the pool of two components. */
export interface PublishedFile {
  readonly size: number;
  readonly sha256: string;
  /** Below the repository. */
  readonly paths: string[];
}

export interface Ledger {
  /** Versions of a source that are spent. */
  readonly versions: Map<string, Set<string>>;
  readonly files: Map<string, PublishedFile>;
  /** Receipts by job. */
  readonly jobs: Map<string, Receipt>;
}

/** Name of the redo log in a serial. */
export const REDO = 'ledger';

/** The ledger of a repository, with the lines of `serialDir` that a crash may have kept from it. */
export async function readLedger(dir: string, serialDir: string | undefined): Promise<Ledger> {
  const ledger: Ledger = { versions: new Map(), files: new Map(), jobs: new Map() };
  const lines = await readJsonLines<LedgerLine>(join(dir, 'ledger'));
  const redo = serialDir === undefined ? [] : await readJsonLines<LedgerLine>(join(serialDir, REDO));
  for (const line of [...lines, ...redo]) addToLedger(ledger, line);
  return ledger;
}

export function addToLedger(ledger: Ledger, line: LedgerLine): void {
  if (line.kind === 'source') {
    const versions = ledger.versions.get(line.source);
    if (versions === undefined) ledger.versions.set(line.source, new Set([line.version]));
    else versions.add(line.version);
  } else if (line.kind === 'job') {
    ledger.jobs.set(line.receipt.job, line.receipt);
  } else {
    const file = ledger.files.get(line.name);
    if (file === undefined) ledger.files.set(line.name, { size: line.size, sha256: line.sha256, paths: [line.path] });
    else if (!file.paths.includes(line.path)) file.paths.push(line.path);
  }
}

export function formatLedger(lines: readonly LedgerLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Appends what the ledger lacks of a serial's lines; twice is harmless. Returns the serial's lines. */
export async function appendRedo(dir: string, serialDir: string): Promise<LedgerLine[]> {
  const redo = await readJsonLines<LedgerLine>(join(serialDir, REDO));
  const serials = new Set(redo.map((line) => line.serial));
  const there = new Set(
    (await readJsonLines<LedgerLine>(join(dir, 'ledger'))).filter((line) => serials.has(line.serial)).map((line) => JSON.stringify(line)),
  );
  const missing = redo.filter((line) => !there.has(JSON.stringify(line)));
  if (missing.length > 0) await appendDurable(join(dir, 'ledger'), formatLedger(missing));
  return redo;
}
