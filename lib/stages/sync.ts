/**
 * sync: every mirror gets the current serial of its repository. One promise: what a mirror holds is one whole serial, and a mirror that
 * does not answer keeps no other waiting.
 */

import type { MirrorConfig } from '../config/types.ts';
import { type Context, checkStuck, newTally, noteBegin, type Tally } from '../context.ts';
import { ConfigError, ExpectedError, isDiskFault, TemporaryError, textOf } from '../errors.ts';
import { deliver, destinationOf, hasFailed, heldSerial, noteFailed, noteHeld } from '../mirrors/mirrors.ts';
import { currentSerial } from '../repository/serials.ts';
import type { Glance } from '../spool/look.ts';

/** Every mirror holds the current serial. Looks only, at once. */
export function isSyncIdle(ctx: Glance): boolean {
  return [...ctx.config.mirrors.values()].every((mirror) => wantedSerial(ctx, mirror) === undefined);
}

/** The serial that a mirror lacks; undefined when it has it, or when there is none yet. */
export function wantedSerial(ctx: Glance, mirror: MirrorConfig): number | undefined {
  const repository = ctx.config.repositories.get(mirror.repository);
  const serial = repository === undefined ? undefined : currentSerial(repository.dir);
  return serial === heldSerial(ctx.spool, mirror) ? undefined : serial;
}

/** Throws ConfigError with the faults of all mirrors, after the others were brought up to date. */
export async function sync(ctx: Context): Promise<Tally> {
  const tally = newTally();
  const faults: string[] = [];
  let stuck: TemporaryError | undefined;
  await Promise.all(
    [...ctx.config.mirrors.values()].map(async (mirror) => {
      try {
        await syncMirror(ctx, mirror, tally);
      } catch (error) {
        if (error instanceof ConfigError) {
          faults.push(...error.faults);
        } else if (error instanceof TemporaryError && error.code === 'E_STUCK') {
          stuck = error;
        } else if (error instanceof ExpectedError) {
          tally.kept += 1;
          ctx.log.info('kept', { entry: mirror.name, code: error.code, reason: textOf(error) });
        } else if (isDiskFault(error)) {
          tally.kept += 1;
          ctx.log.error('kept', { entry: mirror.name, reason: textOf(error) });
        } else {
          tally.broken += 1;
          ctx.log.error('bug', { entry: mirror.name, error: textOf(error), stack: error instanceof Error ? error.stack : undefined });
        }
      }
    }),
  );
  if (faults.length > 0) throw new ConfigError('E_MIRROR', faults);
  if (stuck !== undefined) throw stuck;
  return tally;
}

async function syncMirror(ctx: Context, mirror: MirrorConfig, tally: Tally): Promise<void> {
  if (wantedSerial(ctx, mirror) === undefined) return;
  const lockPath = ctx.spool.file('lock', `mirror-${mirror.name}`);
  const lock = ctx.spool.tryLock(`mirror-${mirror.name}`);
  if (lock === undefined) return checkStuck(ctx, lockPath);
  noteBegin(ctx, lockPath);
  try {
    const serial = wantedSerial(ctx, mirror);
    const repository = ctx.config.repositories.get(mirror.repository);
    if (serial === undefined || repository === undefined) return;
    try {
      await deliver(ctx.exec, { mirror, dir: repository.dir, serial, held: heldSerial(ctx.spool, mirror) });
    } catch (error) {
      // Told once a serial, not each minute.
      const level = hasFailed(ctx.spool, mirror, serial) ? 'info' : 'error';
      ctx.log[level]('mirror fault', { mirror: mirror.name, to: destinationOf(mirror), serial, reason: textOf(error) });
      await noteFailed(ctx.spool, mirror, serial);
      throw error;
    }
    await noteHeld(ctx.spool, mirror, serial);
    tally.moved += 1;
    ctx.log.info('synced', { mirror: mirror.name, to: destinationOf(mirror), serial });
  } finally {
    lock.release();
  }
}
