/** `buildme tick [--all]`: every stage once, in the order of the pipeline. One bad stage never stops the tick. */
import { expectOwnSpool } from '../config/places.ts';
import { EXIT, UsageError } from '../errors.ts';
import type { Invocation } from './command.ts';
import { isDue, runStage, STAGES } from './stages.ts';

/** Exit 70 or 78 when a stage ended so, else 0: what is to be tried later is tried by the next tick. */
export async function tick({ args, config, context }: Invocation): Promise<number> {
  const unknown = args.find((arg) => arg !== '--all');
  if (unknown !== undefined) throw new UsageError(`tick does not take '${unknown}', only --all`);
  expectOwnSpool(config().global.spool);
  let worst: number = EXIT.ok;
  for (const name of STAGES.keys()) {
    if (!args.includes('--all') && !isDue(context(name), name)) continue;
    const code = await runStage(name, context);
    if (code === EXIT.bug || (code === EXIT.config && worst === EXIT.ok)) worst = code;
  }
  return worst;
}
