/** The hosts wing's door: a connection to a host, as the configuration has it today or as a job's claim says. */
import type { Config, HostConfig } from '../config/types.ts';
import { type Exec, exec as realExec } from '../exec.ts';
import type { Claim } from '../spool/job.ts';
import type { Host } from './host.ts';
import { localTransport } from './local.ts';
import { shellHost } from './shell.ts';

/** Any Context will do. */
export interface HostsContext {
  readonly config: Config;
  readonly exec?: Exec;
}

/** Where a host is, as a claim notes it. */
export type HostPlace = Pick<Claim, 'kind' | 'address'>;

export function placeOfHost(host: HostConfig): HostPlace {
  if (host.kind === 'local' || host.address === undefined) return { kind: host.kind };
  const { user, host: machine, port } = host.address;
  return { kind: host.kind, address: `${user}@${machine.includes(':') ? `[${machine}]` : machine}:${port}` };
}

/** Connects to a host as configured. Throws TemporaryError E_HOST_DOWN, E_HOST_KEY, E_HOST_AUTH or E_HOST_TIMEOUT. Call `disconnect` in the end. */
export function openHost(ctx: HostsContext, host: HostConfig): Promise<Host> {
  return openAt(ctx, { host: host.name, ...placeOfHost(host) });
}

/** Connects to where a claim says that an attempt was sent, with today's identity and known_hosts of the host of that name. */
export async function openAt(ctx: HostsContext, claim: Pick<Claim, 'host' | 'kind' | 'address'>): Promise<Host> {
  if (claim.kind === 'local') return shellHost(claim.host, localTransport(claim.host, ctx.exec ?? realExec));
  const [, user = '', bracketed, plain = '', port = ''] = /^([^@]+)@(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(claim.address ?? '') ?? [];
  if (claim.kind !== 'ssh' || user === '')
    throw new Error(`a claim names host ${claim.host} of kind ${claim.kind} at ${claim.address}, which is not understood`);
  const today = ctx.config.hosts.get(claim.host);
  // Only here: a local site never loads ssh2.
  const { sshTransport } = await import('./ssh.ts');
  const transport = await sshTransport({
    name: claim.host,
    address: `${user}@${bracketed ?? plain}:${port}`,
    user,
    host: bracketed ?? plain,
    port: Number(port),
    identity: today?.identity,
    knownHosts: today?.knownHosts,
    connectTimeoutMs: today?.connectTimeoutMs ?? 10_000,
  });
  return shellHost(claim.host, transport);
}
