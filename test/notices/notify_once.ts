/** One run of notify in a process of its own, for tests that kill it: arguments are the spool and the SMTP server. */
import { parseConfig } from '../../lib/config/config.ts';
import { exec } from '../../lib/exec.ts';
import { openLog } from '../../lib/log.ts';
import { Spool } from '../../lib/spool/spool.ts';
import { notify } from '../../lib/stages/notify.ts';

const [root = '', smtp = ''] = process.argv.slice(2);
const config = parseConfig(`[global]\nspool = ${root}\nmail_from = buildme@example.org\nsmtp = ${smtp}\n`, '/buildme.conf');
await notify({ config, spool: new Spool(root), log: openLog('notify'), now: () => new Date(), exec, dryRun: false });
