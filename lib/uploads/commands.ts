/**
 * dcut's .commands: `rm FILE…` in incoming, `cancel X.changes` of what has not begun. One promise: they touch uploads of the same key only,
 * unless an operator signed, and each is answered in a notice before the file goes.
 */
import type { Context } from '../context.ts';
import { fieldOf, parseControl, splitWords } from '../formats/deb/control.ts';
import { tell } from '../notices/notices.ts';
import type { GoodSignature } from '../openpgp.ts';
import { unparsedId } from '../spool/ids.ts';
import { progressOf } from '../spool/job.ts';
import { type Incoming, type IncomingFile, removeSame } from './incoming.ts';
import type { Records } from './records.ts';
import { refuse } from './reject.ts';
import { signatureIsFresh } from './rules.ts';
import { isStill } from './settle.ts';
import { spend } from './signatures.ts';
import { MAX_TEXT_BYTES, readSigned, readText } from './signed.ts';
import { endJob } from './supersede.ts';
import type { Trigger } from './trigger.ts';
import { matchesGlob } from './uploaders.ts';

const MAX_COMMANDS = 100;

/** A .commands file as it was read. */
interface Commands {
  readonly id: string;
  readonly signature: GoodSignature | undefined;
  /** Words of each command. */
  readonly asked: readonly string[][];
  readonly faults: readonly string[];
}

async function readCommands(ctx: Context, { product, gpgv }: Records, file: IncomingFile): Promise<Commands> {
  const bytes = readText(file.path);
  const id = unparsedId(`${product.name}/${file.name}`, bytes);
  if (bytes === undefined) {
    return {
      id,
      signature: undefined,
      asked: [],
      faults: [`${file.name} has ${file.size} bytes; at most ${MAX_TEXT_BYTES} are taken for such a file`],
    };
  }
  const { text, signature, faults } = await readSigned(gpgv, product, file.name, bytes, true);
  const { paragraphs, faults: formFaults } = parseControl(text);
  const lines = (fieldOf(paragraphs[0] ?? new Map(), 'Commands') ?? '').split('\n');
  const asked = lines.map(splitWords).filter((words) => words.length > 0);
  const count =
    asked.length === 0 || asked.length > MAX_COMMANDS
      ? [`${file.name} has ${asked.length} commands; 1 to ${MAX_COMMANDS} are expected in its field Commands`]
      : [];
  const fresh = signatureIsFresh({ product, signature, now: ctx.now(), isSpent: false });
  return { id, signature, asked, faults: [...faults, ...formFaults.map((fault) => `${file.name}: ${fault}`), ...fresh, ...count] };
}

/** Carries out a .commands file. Returns the names that it removed from incoming, itself included; undefined: it is left for later. */
export async function carryOut(
  ctx: Context,
  records: Records,
  file: IncomingFile,
  incoming: Incoming,
  triggers: readonly Trigger[],
): Promise<string[] | undefined> {
  const { product } = records;
  const { id, signature, asked, faults } = await readCommands(ctx, records, file);
  if (ctx.dryRun) return undefined;
  if (signature !== undefined && records.isSpent(product.name, signature.id)) {
    // Carried out, and then we died: only the file was left.
    ctx.log.info('carried out before', { commands: file.name });
    await removeSame(file);
    return [file.name];
  }
  if (faults.length > 0 || signature === undefined) {
    if (product.settleMs > 0 && !isStill([file], ctx.now(), product.settleMs)) return undefined;
    await refuse(ctx, product, { id, product: product.name, trigger: file.name, mail: [], faults, take: [file] });
    return [file.name];
  }
  const answers: string[] = [];
  const removed: string[] = [];
  for (const [verb = '', ...args] of asked) {
    const act = verb === 'rm' ? remove : verb === 'cancel' ? cancel : undefined;
    const lines =
      act === undefined
        ? ['this command is not known; rm and cancel are']
        : await act({ ctx, records, signature, incoming, triggers, removed }, args);
    answers.push(`${verb} ${args.join(' ')}`, ...lines.map((answer) => `  ${answer}`));
  }
  const to = signature.address === undefined ? [] : [signature.address];
  const body = `${signature.userId} asked by ${file.name}:\n\n${answers.join('\n')}\n`;
  await tell(ctx, { kind: 'commands', product: product.name, source: '-', version: '-', architecture: '-', id, attempt: 0, to, body });
  await spend(ctx, product.name, signature.id);
  await removeSame(file);
  ctx.log.info('commands', { commands: file.name, by: signature.fingerprint, answers });
  return [...removed, file.name];
}

interface Asked {
  readonly ctx: Context;
  readonly records: Records;
  readonly signature: GoodSignature;
  readonly incoming: Incoming;
  readonly triggers: readonly Trigger[];
  readonly removed: string[];
}

/** Whether something of `fingerprint` is the asker's to touch; what nobody signed is an operator's. */
function isTheirs({ records, signature }: Asked, fingerprint: string | undefined): boolean {
  return fingerprint === signature.fingerprint || records.isOperator(signature, '');
}

/** Files in incoming that nobody else's upload names. `--searchdirs` and its opposite mean nothing here: there is one directory. */
async function remove(asked: Asked, args: readonly string[]): Promise<string[]> {
  const answers: string[] = [];
  for (const arg of args.filter((each) => !each.startsWith('--'))) {
    if (arg.includes('/') || arg.startsWith('.')) {
      answers.push(`${arg}: names of files in incoming are expected, without a path`);
      continue;
    }
    const found = [...asked.incoming.values()].filter(
      ({ name, kind }) => kind !== 'directory' && !name.startsWith('.') && !name.endsWith('.commands') && matchesGlob(arg, name),
    );
    if (found.length === 0) answers.push(`${arg}: there is no such file in incoming`);
    for (const file of found) answers.push(await removeOne(asked, file));
  }
  return answers;
}

async function removeOne(asked: Asked, file: IncomingFile): Promise<string> {
  const others = asked.triggers.filter(
    (trigger) => trigger.file.name === file.name || trigger.files.some(({ name }) => name === file.name),
  );
  if (others.some((trigger) => !isTheirs(asked, trigger.signature?.fingerprint)))
    return `${file.name}: belongs to an upload that another key signed; left`;
  await removeSame(file);
  asked.removed.push(file.name);
  return `${file.name}: removed`;
}

/** An upload that is still in incoming goes with all its files; of one that was accepted, the jobs that no host has begun end. */
async function cancel(asked: Asked, args: readonly string[]): Promise<string[]> {
  const { ctx, records, signature, incoming, triggers } = asked;
  const answers: string[] = [];
  for (const arg of args) {
    const trigger = triggers.find(({ file }) => file.name === arg);
    const uploads = records.known.filter(({ file }) => file.product === records.product.name && file.trigger === arg);
    if (trigger === undefined && uploads.length === 0) answers.push(`${arg}: there is no such upload`);
    if (trigger !== undefined) {
      for (const name of [arg, ...trigger.files.map((file) => file.name)]) {
        const file = incoming.get(name);
        if (file !== undefined && !asked.removed.includes(name)) answers.push(await removeOne(asked, file));
      }
    }
    for (const { file: upload } of uploads) {
      if (!isTheirs(asked, upload.signer?.fingerprint)) {
        answers.push(`${arg}: another key signed it; left`);
        continue;
      }
      const reason = `cancelled by ${signature.userId} (key ${signature.fingerprint})`;
      for (const id of upload.jobs) {
        const ended = await endJob(
          ctx,
          id,
          reason,
          (job) => job.place.state === 'queued' && progressOf(job.file, job.journal).attempts === 0,
        );
        answers.push(ended ? `job ${id}: cancelled` : `job ${id}: has begun or is over; left`);
      }
    }
  }
  return answers;
}
