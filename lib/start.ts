/**
 * Where the program starts: a stage with nothing to do ends here, before anything else is loaded. One promise: whatever is odd (arguments,
 * configuration, a place that cannot be read) goes to main.ts, which says so; this only ever finds that there is nothing to do.
 */
import { configFileOf } from './arguments.ts';
import { readConfig } from './config/config.ts';
import { type Glance, Look } from './spool/look.ts';
import { isAcceptIdle } from './stages/accept.ts';
import { isCollectIdle } from './stages/collect.ts';
import { isDispatchIdle } from './stages/dispatch.ts';
import { isNotifyIdle } from './stages/notify.ts';
import { isPublishIdle } from './stages/publish.ts';
import { isSyncIdle } from './stages/sync.ts';
import { isVerifyIdle } from './uploads/idle.ts';

const IDLE: ReadonlyMap<string, (glance: Glance) => boolean> = new Map([
  ['verify', isVerifyIdle],
  ['dispatch', isDispatchIdle],
  ['collect', isCollectIdle],
  ['accept', isAcceptIdle],
  ['publish', isPublishIdle],
  ['sync', isSyncIdle],
  ['notify', isNotifyIdle],
]);

function isIdle(argv: readonly string[]): boolean {
  try {
    const { configFile, rest } = configFileOf(argv);
    const look = rest.length === 1 ? IDLE.get(rest[0] ?? '') : undefined;
    if (look === undefined) return false;
    const config = readConfig(configFile);
    return look({ config, spool: new Look(config.global.spool) });
  } catch {
    return false;
  }
}

if (!isIdle(process.argv.slice(2))) void import('./main.ts');
