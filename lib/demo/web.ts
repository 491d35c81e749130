/** A web server over one directory, on this machine only. One promise: it shows regular files below that directory and nothing else. */
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

export interface WebServer {
  readonly url: string;
  stop(): void;
}

/** Serves `dir` on a free loopback port. */
export async function serve(dir: string): Promise<WebServer> {
  const root = await realpath(dir);
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      // Links (dists points at the current serial) are followed before it is looked at where they lead.
      const path = await realpath(join(root, decodeURIComponent((request.url ?? '/').split('?')[0] ?? '/')));
      const found = await stat(path);
      if (!path.startsWith(root + sep) || !found.isFile()) throw new Error(`${path} is not shown`);
      response.writeHead(200, { 'Content-Length': found.size, 'Last-Modified': found.mtime.toUTCString() });
      await pipeline(createReadStream(path), response);
    };
    answer().catch(() => (response.headersSent ? response.destroy() : response.writeHead(404).end()));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
