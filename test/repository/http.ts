/** A plain loopback web server over a directory, as a mirror's readers see it. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

export interface WebServer {
  readonly uri: string;
  /** Paths asked for so far, with the status they got. */
  readonly requests: readonly string[];
  stop(): Promise<void>;
}

/** `slowMs` passes before each answer, to widen the window between two requests of one update. */
export async function serve(dir: string, slowMs = 0): Promise<WebServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(request.url ?? '/'));
    setTimeout(() => {
      readFile(join(dir, path)).then(
        (bytes) => {
          requests.push(`200 ${path}`);
          response.end(bytes);
        },
        () => {
          requests.push(`404 ${path}`);
          response.writeHead(404).end();
        },
      );
    }, slowMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, stop };
}

/** Runs `update` again and again while `work` goes on; returns how often. Throws when one of them fails. */
export async function readWhile(update: () => Promise<unknown>, work: () => Promise<void>): Promise<number> {
  let going = true;
  let updates = 0;
  const reader = (async () => {
    while (going) {
      await update();
      updates += 1;
    }
  })();
  const worker = work().finally(() => {
    going = false;
  });
  await Promise.all([worker, reader]);
  return updates;
}
