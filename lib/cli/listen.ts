/** One held `runner wait` per busy host, so that `run` learns of a step's end at once. A hint and no more: collect asks again itself. */
import type { Context } from '../context.ts';
import { codeOf, TemporaryError, textOf } from '../errors.ts';
import { openAt } from '../hosts/hosts.ts';
import { type Claim, progressOf } from '../spool/job.ts';

/** How long one question is held open, and the pause after a host did not answer. */
const WAIT_MS = 55_000;
const SILENT_MS = 15_000;

export interface Listener {
  /** To be called when `running` changed. */
  rescan(): void;
  stop(): void;
}

/** Listens on every host that has jobs; `wake` is called when one of them may have ended. */
export function listen(ctx: Context, wake: () => void): Listener {
  const held = new Map<string, { readonly ids: string; readonly stop: AbortController }>();
  let stopped = false;
  const rescan = (): void => {
    if (stopped) return;
    for (const host of ctx.spool.runningHostsNow()) {
      const ids = ctx.spool.listNow({ state: 'running', host });
      const key = ids.join(' ');
      const now = held.get(host);
      if (now?.ids === key) continue;
      now?.stop.abort();
      held.delete(host);
      if (ids.length > 0) hold(host, key, ids);
    }
  };
  const hold = (host: string, key: string, ids: readonly string[]): void => {
    const stop = new AbortController();
    held.set(host, { ids: key, stop });
    const forget = (): void => {
      if (held.get(host)?.stop === stop) held.delete(host);
    };
    listenTo(ctx, host, ids, stop.signal).then(
      () => {
        forget();
        if (stop.signal.aborted) return;
        wake();
        // collect changes `running` when something ended; when nothing did, listen on.
        setTimeout(rescan, 1000).unref();
      },
      (error: unknown) => {
        // ENOENT: a job moved on meanwhile.
        if (!(error instanceof TemporaryError) && codeOf(error) !== 'ENOENT') ctx.log.error('listening', { host, error: textOf(error) });
        setTimeout(() => {
          forget();
          rescan();
        }, SILENT_MS).unref();
      },
    );
  };
  rescan();
  return {
    rescan,
    stop: () => {
      stopped = true;
      for (const { stop } of held.values()) stop.abort();
    },
  };
}

async function listenTo(ctx: Context, name: string, ids: readonly string[], signal: AbortSignal): Promise<void> {
  const claims: Claim[] = [];
  for (const id of ids) {
    const job = await ctx.spool.readJob({ state: 'running', host: name }, id);
    const { claim } = progressOf(job.file, job.journal);
    if (claim !== undefined) claims.push(claim);
  }
  const [first] = claims;
  if (first === undefined || signal.aborted) return;
  const host = await openAt(ctx, first);
  const leave = (): void => void host.disconnect();
  signal.addEventListener('abort', leave, { once: true });
  try {
    const here = claims.filter(({ address }) => address === first.address).map(({ workdir }) => workdir);
    if (!signal.aborted) await host.wait(here, WAIT_MS);
  } finally {
    signal.removeEventListener('abort', leave);
    await host.disconnect();
  }
}
