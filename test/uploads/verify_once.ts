/** One run of verify in a process that a test can kill: `node BUNDLE CONFIG`. */
import { readFileSync } from 'node:fs';
import { parseConfig } from '../../lib/config/config.ts';
import { exec } from '../../lib/exec.ts';
import { openLog } from '../../lib/log.ts';
import { Spool } from '../../lib/spool/spool.ts';
import { verify } from '../../lib/stages/verify.ts';

const file = process.argv[2] ?? '';
const config = parseConfig(readFileSync(file, 'utf8'), file);
await verify({ config, spool: new Spool(config.global.spool), log: openLog('verify'), now: () => new Date(), exec, dryRun: false });
