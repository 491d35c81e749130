/** `buildme chroot create|refresh|remove NAME [HOST…]`: base systems where sbuild needs them; without HOST on every host that builds in them. */
import type { Config, HostConfig } from '../config/types.ts';
import { EXIT, ExpectedError, textOf, UsageError } from '../errors.ts';
import { actOnBase, type BaseAct, hostsThatUse } from '../hosts/bases.ts';
import { takeArguments } from './arguments.ts';
import type { Invocation } from './command.ts';

const ACTS: ReadonlySet<string> = new Set<BaseAct>(['create', 'refresh', 'remove']);

/** Exit 0 when every host has it (or none, for remove), else 1; each fault is told. */
export async function chroot({ args, context }: Invocation): Promise<number> {
  const { positionals } = takeArguments('chroot', args, {});
  const [act = '', name, ...names] = positionals;
  if (!ACTS.has(act) || name === undefined)
    throw new UsageError('chroot takes create, refresh or remove, a NAME, and the HOSTs if not all');
  const ctx = context('chroot');
  const base = ctx.config.chroots.get(name);
  if (base === undefined) {
    throw new UsageError(`${ctx.config.file} has no [chroot ${name}], only ${[...ctx.config.chroots.keys()].join(', ') || 'none'}`);
  }
  const hosts = names.length === 0 ? hostsThatUse(ctx.config, base) : named(ctx.config, names);
  if (hosts.length === 0) throw new UsageError(`no host builds for a product that names chroot ${name}: say which HOST`);
  let worst: number = EXIT.ok;
  for (const host of hosts) {
    try {
      await actOnBase(ctx, act as BaseAct, base, host, (line) => process.stdout.write(`${line}\n`));
    } catch (error) {
      if (!(error instanceof ExpectedError)) throw error;
      process.stderr.write(`buildme: host ${host.name}: ${textOf(error)}\n`);
      worst = EXIT.no;
    }
  }
  return worst;
}

function named(config: Config, names: readonly string[]): HostConfig[] {
  return names.map((name) => {
    const host = config.hosts.get(name);
    if (host === undefined) throw new UsageError(`${config.file} has no [host ${name}], only ${[...config.hosts.keys()].join(', ')}`);
    return host;
  });
}
