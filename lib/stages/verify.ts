/**
 * verify: uploads that are whole, right and allowed become jobs; the others are refused once, for everything that is wrong. One promise:
 * an upload leaves incoming only when it lies in the spool, and what is built later is what was checked here.
 */
import type { Product } from '../config/types.ts';
import { type Context, eachEntry, type Outcome, type Tally } from '../context.ts';
import { removeTree } from '../disk.ts';
import { ConfigError, codeOf, ExpectedError, printable, textOf } from '../errors.ts';
import { type Gpgv, gpgvAlone, gpgvTogether } from '../gpgv.ts';
import { note } from '../spool/job.ts';
import { type Again, dscOf, findAgain } from '../uploads/again.ts';
import { Claims } from '../uploads/claims.ts';
import { carryOut } from '../uploads/commands.ts';
import type { Fault } from '../uploads/contents.ts';
import { commit, discard, type UploadFile, type Workspace } from '../uploads/entry.ts';
import { guarded } from '../uploads/guarded.ts';
import { unfinishedUploads } from '../uploads/idle.ts';
import { type Incoming, type IncomingFile, removeSame, scanIncoming, stemOf, triggerKind } from '../uploads/incoming.ts';
import { leave, listLeaving, unfinishedLeaving } from '../uploads/leaving.ts';
import { inOrder, Lanes } from '../uploads/ordered.ts';
import { removeOrphans } from '../uploads/orphans.ts';
import { brokenRules, faultsOf, filesOf, isMissing, type Prepared, prepare } from '../uploads/prepare.ts';
import { queueJobs } from '../uploads/queue.ts';
import { type Records, readRecords } from '../uploads/records.ts';
import { refuse } from '../uploads/reject.ts';
import { isStill, mayStillArrive } from '../uploads/settle.ts';
import { type Plan, planUpload, recipientsOf, signerOf, writeUpload } from '../uploads/take.ts';
import { irregularId, readTrigger, type Trigger } from '../uploads/trigger.ts';

export { isVerifyIdle } from '../uploads/idle.ts';

/** Uploads that are read and copied while an earlier one is judged; more only wait for two cores and one disk. */
const AHEAD = 12;
/** Triggers that are read at once: small texts, whose signatures are checked together. */
const TEXTS_AHEAD = 32;

/** Uploads whose jobs a crash left behind are finished first, then every product's incoming is looked through. Throws one ConfigError for all products. */
export async function verify(ctx: Context): Promise<Tally> {
  const tally = await eachEntry(
    ctx,
    unfinishedUploads(ctx.spool),
    (id) => ({ id, dir: ctx.spool.path('uploads', id) }),
    async (id) => {
      if (ctx.dryRun) print(`would queue the jobs of ${id}`);
      else await queueJobs(ctx, id);
      return 'moved';
    },
  );
  const workspace = ctx.dryRun ? undefined : await ctx.spool.workspace('gpgv');
  const gpgv = workspace === undefined ? gpgvAlone(ctx.exec) : gpgvTogether(ctx.exec, workspace);
  const faults: string[] = [];
  for (const product of ctx.config.products.values()) {
    try {
      await verifyProduct(ctx, product, gpgv, tally);
    } catch (error) {
      // The site's to mend (a keyring, a directory's mode): its uploads stay where they are, the other products go on.
      if (error instanceof ConfigError) faults.push(...error.faults);
      else if (codeOf(error) === 'EACCES')
        faults.push(`the incoming directory of product ${product.name} cannot be used: ${textOf(error)}`);
      else {
        if (!(error instanceof ExpectedError)) tally.broken += 1;
        const stack = error instanceof Error ? error.stack : undefined;
        ctx.log.error('product left', { product: product.name, code: codeOf(error), reason: textOf(error), stack });
      }
    }
  }
  if (workspace !== undefined) await removeTree(workspace);
  if (faults.length > 0) throw new ConfigError('E_PRODUCT', [...new Set(faults)]);
  return tally;
}

async function verifyProduct(ctx: Context, product: Product, gpgv: Gpgv, tally: Tally): Promise<void> {
  const found = await scanIncoming(product.incoming);
  if (found.size === 0) return;
  const records = await readRecords(ctx, product, gpgv);
  const all = await readTriggers(ctx, records, found, tally);
  const gone = await carryOutCommands(ctx, records, found, all, tally);
  const unfinished = await unfinishedLeaving(ctx, product.name, found);
  const taken = new Set([...gone, ...unfinished.flatMap(({ files }) => files.map(({ name }) => name))]);
  const triggers = all.filter(({ file }) => !taken.has(file.name));
  const named = new Set(triggers.flatMap(({ files }) => files.map(({ name }) => name)));
  for (const { entry, files } of ctx.dryRun ? [] : unfinished)
    await leave(
      entry,
      files.filter(({ name }) => !named.has(name)),
    );
  const incoming: Incoming = new Map([...found].filter(([name]) => !taken.has(name) || (named.has(name) && !gone.has(name))));
  const claims = new Claims(incoming, triggers);
  await refuseIrregular(ctx, product, incoming, claims, tally);
  // Decided one after the other, so that the next sees what this one was; carried out side by side, but for those of one source.
  const lanes = new Lanes(AHEAD);
  for await (const { item: trigger, result } of inOrder(triggers, AHEAD, (each) => prepare(ctx, records, each, incoming))) {
    await guarded(ctx, product, trigger.file, tally, async () => {
      const act = await decide(ctx, records, trigger, result(), incoming, claims);
      await lanes.start(trigger.source, () => guarded(ctx, product, trigger.file, tally, act));
      return undefined;
    });
  }
  await lanes.end();
  tally.moved += await removeOrphans(ctx, product, incoming, (name) => claims.has(name) || isTrigger(product, name));
}

function isTrigger(product: Product, name: string): boolean {
  const kind = triggerKind(name);
  return kind === 'changes' || kind === 'commands' || (kind === 'dsc' && product.triggers.includes('dsc'));
}

/** Every .changes, and each .dsc that triggers by itself because no .changes in incoming names it or bears its stem. */
async function readTriggers(ctx: Context, { product, gpgv }: Records, incoming: Incoming, tally: Tally): Promise<Trigger[]> {
  const regular = [...incoming.values()].filter(({ kind }) => kind === 'file');
  const read = async (files: readonly IncomingFile[]): Promise<Trigger[]> => {
    const triggers: Trigger[] = [];
    for await (const { item, result } of inOrder(files, TEXTS_AHEAD, (file) => readTrigger(gpgv, product, file))) {
      await guarded(ctx, product, item, tally, async () => {
        const trigger = result();
        if (trigger !== undefined) triggers.push(trigger);
        return undefined;
      });
    }
    return triggers;
  };
  const changes = await read(regular.filter(({ name }) => triggerKind(name) === 'changes'));
  if (!product.triggers.includes('dsc')) return changes;
  const named = new Set(changes.flatMap(({ files }) => files.map(({ name }) => name)));
  const stems = new Set(changes.map(({ file }) => stemOf(file.name)));
  const bare = regular.filter(({ name }) => triggerKind(name) === 'dsc' && !named.has(name) && !stems.has(stemOf(name)));
  return [...changes, ...(await read(bare))];
}

/** dcut's .commands come first, so that what is taken back is not taken in. Gives the names that are gone. */
async function carryOutCommands(
  ctx: Context,
  records: Records,
  incoming: Incoming,
  triggers: readonly Trigger[],
  tally: Tally,
): Promise<Set<string>> {
  const gone = new Set<string>();
  for (const file of incoming.values()) {
    if (file.kind !== 'file' || triggerKind(file.name) !== 'commands') continue;
    await guarded(ctx, records.product, file, tally, async () => {
      const names = await carryOut(ctx, records, file, incoming, triggers);
      for (const name of names ?? []) gone.add(name);
      return names === undefined ? 'kept' : 'moved';
    });
  }
  return gone;
}

/** Links, fifos and devices with a trigger's ending are unlinked, directories left; of each there is one entry that says so. */
async function refuseIrregular(ctx: Context, product: Product, incoming: Incoming, claims: Claims, tally: Tally): Promise<void> {
  for (const file of incoming.values()) {
    if (file.kind === 'file' || triggerKind(file.name) === undefined || claims.has(file.name)) continue;
    const id = irregularId(product, file);
    if (file.kind === 'directory' && (await ctx.spool.find(id, ['rejected'])) !== undefined) continue;
    const faults = [`${file.name} is not a regular file: it is a ${file.kind}; upload the file itself`];
    await guarded(ctx, product, file, tally, async () => {
      if (ctx.dryRun) print(`would reject ${id}: ${faults.join('; ')}`);
      else
        await refuse(ctx, product, {
          id,
          product: product.name,
          trigger: file.name,
          mail: [],
          faults,
          take: file.kind === 'directory' ? [] : [file],
        });
      return 'moved';
    });
  }
}

/** What is to be done with one upload: wait, drop it as one that we have, refuse it, or take it. Changes nothing outside `tmp/`. */
async function decide(
  ctx: Context,
  records: Records,
  trigger: Trigger,
  prepared: Prepared,
  incoming: Incoming,
  claims: Claims,
): Promise<() => Promise<Outcome>> {
  const { product } = records;
  const { contents, workspace, copies } = prepared;
  const files = filesOf(trigger, contents, incoming);
  const again = trigger.faults.length === 0 ? await findAgain(ctx, records, trigger, incoming) : undefined;
  const unread = [...faultsOf(trigger, contents), ...(copies?.faults ?? [])];
  const faults = again !== undefined ? [] : [...unread, ...brokenRules(ctx, records, trigger, contents, copies)];
  // Signed and matching: nothing more can arrive that would make it right.
  const isWhole = trigger.signature !== undefined && unread.length === 0;
  const isWaiting = faults.length > 0 && !isWhole && mayStillArrive(product, files, ctx.now(), faults.every(isMissing));
  // dput sends the .dsc first: the .changes may be on its way.
  const isArriving = trigger.changes === undefined && product.settleMs > 0 && !isStill(files, ctx.now(), product.settleMs);
  const isTaken = again === undefined && faults.length === 0 && !isArriving;
  if (workspace !== undefined && (!isTaken || ctx.dryRun)) await discard(workspace);
  if (isWaiting || isArriving) {
    ctx.log.info('waiting', { trigger: trigger.file.name, product: product.name, faults: faults.map(({ text }) => text) });
    return async () => 'kept';
  }
  if (ctx.dryRun) return async () => pretend(trigger, again, faults);
  const named = contents.dsc?.files.map(({ name }) => name) ?? [];
  if (again !== undefined) {
    const gone = claims.release(trigger, named, 'listed');
    return () => drop(ctx, trigger, again, gone);
  }
  if (faults.length > 0) {
    const take = claims.release(trigger, named, 'stem');
    return () => reject(ctx, product, trigger, faults, take);
  }
  const { dsc, dscName } = contents;
  if (workspace === undefined || copies === undefined || dsc === undefined)
    throw new Error(`upload ${trigger.id} has neither faults nor contents`);
  const plan = planUpload(product, trigger, dsc, dscName, copies.files, workspace.life, ctx.now());
  remember(records, plan.upload);
  const gone = claims.release(trigger, named, 'listed');
  return () => take(ctx, product, workspace, plan, gone);
}

/** The uploads that are judged after this one have to know it. */
function remember({ known }: Records, file: UploadFile): void {
  const former = known.findIndex((each) => each.file.id === file.id);
  if (former !== -1) known.splice(former, 1);
  known.push({ file, standing: 'live' });
}

async function take(ctx: Context, product: Product, workspace: Workspace, plan: Plan, gone: readonly IncomingFile[]): Promise<Outcome> {
  const { id, source, version, jobs } = plan.upload;
  writeUpload(ctx, workspace, product, plan);
  listLeaving(workspace.dir, product.name, gone);
  // commit point: from here on the upload is ours.
  await commit(ctx.spool, workspace, 'uploads', id, { filesSynced: true });
  ctx.log.info('accepted', { id, product: product.name, source, version, jobs });
  await leave(ctx.spool.path('uploads', id), gone);
  await queueJobs(ctx, id);
  return 'moved';
}

async function reject(
  ctx: Context,
  product: Product,
  trigger: Trigger,
  faults: readonly Fault[],
  take: readonly IncomingFile[],
): Promise<Outcome> {
  const { id, source, version } = trigger;
  const dsc = dscOf(trigger);
  const known = {
    ...(source === '' ? {} : { source }),
    ...(version === '' ? {} : { version }),
    ...(dsc === undefined ? {} : { dsc }),
    ...signerOf(trigger),
  };
  const reasons = [...new Set(faults.map(({ text }) => text))];
  await refuse(ctx, product, {
    id,
    product: product.name,
    ...known,
    trigger: trigger.file.name,
    mail: recipientsOf(trigger),
    faults: reasons,
    take,
  });
  return 'moved';
}

/** What we have already goes from incoming, with a line in the journal of what it repeats or joins. */
async function drop(ctx: Context, trigger: Trigger, again: Again, files: readonly IncomingFile[]): Promise<Outcome> {
  if (again.dir !== undefined)
    await note(again.dir, ctx.now(), ctx.log.tag, 'again', { trigger: trigger.file.name, mail: recipientsOf(trigger) });
  ctx.log.info('dropped', { trigger: trigger.file.name, reason: `it repeats or joins ${again.of}` });
  // The trigger last: after a crash it is dropped again.
  for (const file of files.toReversed()) await removeSame(file);
  return 'moved';
}

/** For --dry-run. */
function pretend(trigger: Trigger, again: Again | undefined, faults: readonly Fault[]): Outcome {
  if (again !== undefined) print(`would drop ${trigger.file.name}: it repeats or joins ${again.of}`);
  else if (faults.length === 0) print(`would accept ${trigger.id}`);
  else print(`would reject ${trigger.id}:\n${faults.map(({ text }) => `  ${text}`).join('\n')}`);
  return 'moved';
}

function print(line: string): void {
  // Names of outsiders on a terminal; the lines are ours.
  process.stdout.write(`${line.split('\n').map(printable).join('\n')}\n`);
}
