/** `buildme chroot create|refresh|remove NAME [HOST…]`: base systems where sbuild needs them; without HOST on every host that may build in them. */
import { createChroot, removeChroot } from '../chroots/chroots.ts';
import type { Chroot, Config, HostConfig } from '../config/types.ts';
import type { Context } from '../context.ts';
import { EXIT, ExpectedError, textOf, UsageError } from '../errors.ts';
import { openHost } from '../hosts/hosts.ts';
import type { Invocation } from '../main.ts';
import { takeArguments } from './arguments.ts';

const ACTS = ['create', 'refresh', 'remove'] as const;
type Act = (typeof ACTS)[number];

/** Exit 0 when every host has it (or none, for remove), else 1; each fault is told. */
export async function chroot({ args, context }: Invocation): Promise<number> {
  const { positionals } = takeArguments('chroot', args, {});
  const [act, name, ...names] = positionals;
  if (!ACTS.includes(act as Act) || name === undefined)
    throw new UsageError(`chroot takes ${ACTS.join(', ')}, a NAME, and the HOSTs if not all`);
  const ctx = context('chroot');
  const base = ctx.config.chroots.get(name);
  if (base === undefined)
    throw new UsageError(`${ctx.config.file} has no [chroot ${name}], only ${[...ctx.config.chroots.keys()].join(', ') || 'none'}`);
  let worst: number = EXIT.ok;
  for (const host of hostsFor(ctx.config, base, names)) {
    if (!(await actOn(ctx, act as Act, base, host))) worst = EXIT.no;
  }
  return worst;
}

function hostsFor(config: Config, base: Chroot, names: readonly string[]): HostConfig[] {
  const unknown = names.find((name) => !config.hosts.has(name));
  if (unknown !== undefined) throw new UsageError(`${config.file} has no [host ${unknown}], only ${[...config.hosts.keys()].join(', ')}`);
  const built = new Set(
    [...config.products.values()].filter((product) => product.chroot === base.name).flatMap((product) => product.architectures),
  );
  const wanted = [...config.hosts.values()].filter((host) =>
    names.length === 0 ? host.architectures.some((each) => built.has(each)) : names.includes(host.name),
  );
  if (wanted.length === 0) throw new UsageError(`no host builds for a product that names chroot ${base.name}: say which HOST`);
  return wanted;
}

async function actOn(ctx: Context, act: Act, base: Chroot, host: HostConfig): Promise<boolean> {
  try {
    const connection = await openHost(ctx, host);
    try {
      for (const architecture of host.architectures.filter((each) => each !== 'all')) {
        const request = { config: ctx.config, host, chroot: base, architecture };
        process.stdout.write(`${base.name} ${architecture} on ${host.name}: ${act === 'remove' ? 'removing' : 'looking'}...\n`);
        const done =
          act === 'remove' ? await removeChroot(connection, request) : await createChroot(connection, request, act === 'refresh');
        process.stdout.write(`${base.name} ${architecture} on ${host.name}: ${done}\n`);
      }
      return true;
    } finally {
      await connection.disconnect();
    }
  } catch (error) {
    if (!(error instanceof ExpectedError)) throw error;
    process.stderr.write(`buildme: host ${host.name}: ${textOf(error)}\n`);
    return false;
  }
}
