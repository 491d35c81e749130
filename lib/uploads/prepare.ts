/** What can be found out about an upload by itself, so that several can be prepared at once. One promise: it changes nothing outside `tmp/`. */
import type { Context } from '../context.ts';
import { dscOf } from './again.ts';
import { type Contents, type Fault, readContents } from './contents.ts';
import { openWorkspace, type Workspace } from './entry.ts';
import type { Incoming, IncomingFile } from './incoming.ts';
import type { Records } from './records.ts';
import { applyRules } from './rules.ts';
import { mayStillArrive } from './settle.ts';
import { type Copies, copyContents } from './take.ts';
import type { Trigger } from './trigger.ts';

/** What can be found out about an upload beside the others of its run. */
export interface Prepared {
  readonly contents: Contents;
  readonly workspace?: Workspace;
  readonly copies?: Copies;
}

/** Reads and copies an upload, unless it has faults that may still go away by waiting. */
export async function prepare(ctx: Context, records: Records, trigger: Trigger, incoming: Incoming): Promise<Prepared> {
  const contents = await readContents(ctx, records, trigger, incoming);
  const faults = faultsOf(trigger, contents);
  if (faults.length > 0 && mayStillArrive(records.product, filesOf(trigger, contents, incoming), ctx.now(), faults.every(isMissing)))
    return { contents };
  // Anybody can list gigabytes of holes: what nobody of ours signed is refused without a copy.
  if (trigger.signature === undefined && records.product.unsigned === 'reject') return { contents };
  const workspace = await openWorkspace(ctx.spool, trigger.id);
  return { contents, workspace, copies: await copyContents(workspace, trigger, contents) };
}

/** What is wrong with the trigger and the files. */
export function faultsOf(trigger: Trigger, contents: Contents): Fault[] {
  return [...trigger.faults.map((text) => ({ text })), ...contents.faults];
}

/** Whether a fault is only that a file is not there. */
export function isMissing({ missing }: Fault): boolean {
  return missing === true;
}

/** The trigger, and what is there of everything that it or its .dsc names. */
export function filesOf(trigger: Trigger, contents: Contents, incoming: Incoming): IncomingFile[] {
  const names = new Set([...trigger.files, ...(contents.dsc?.files ?? [])].map(({ name }) => name));
  return [trigger.file, ...[...names].map((name) => incoming.get(name)).filter((file) => file !== undefined)];
}

/** The rules that an upload breaks. */
export function brokenRules(ctx: Context, records: Records, trigger: Trigger, contents: Contents, copies: Copies | undefined): Fault[] {
  const { product, suite, known, repository, mayUpload, mayTakeOver } = records;
  const { signature, changes } = trigger;
  const { dsc, dscName } = contents;
  const source = dsc?.source ?? trigger.source;
  const listed = [
    ...(dsc?.files ?? []).map(({ name, digests }) => ({ name, sha256: digests.sha256 ?? '' })),
    dscOf(trigger) ?? { name: dscName, sha256: '' },
  ];
  const digests = new Map(
    [...listed, ...(copies?.files ?? [])].filter(({ sha256 }) => sha256 !== '').map(({ name, sha256 }) => [name, sha256]),
  );
  const live = known
    .filter((each) => each.standing === 'live' && each.file.product === product.name && each.file.source === source)
    .map(({ file }) => file);
  const isSpent = signature !== undefined && records.isSpent(product.name, signature.id);
  return applyRules({
    product,
    suite,
    now: ctx.now(),
    signature,
    isSpent,
    mayUpload,
    changes,
    dsc,
    dscName,
    digests,
    live,
    repository,
    mayTakeOver,
  }).map((text) => ({ text }));
}
