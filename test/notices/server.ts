/** A real SMTP server whose answers a test decides; test/helpers/smtp.ts is the one that takes everything. */
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface TestServer {
  readonly url: string;
  /** Whole messages, as they came over the wire. */
  readonly received: string[];
  /** Mails begun, by recipient. */
  readonly asked: string[];
  stop(): Promise<void>;
}

export interface Answers {
  /** Reply code for a recipient; 250 unless said otherwise. */
  readonly recipient?: (address: string) => number;
  /** Reply code for a text; answers when it resolves. */
  readonly text?: (raw: string) => number | Promise<number>;
  readonly sender?: number;
}

export async function startServer(answers: Answers): Promise<TestServer> {
  const received: string[] = [];
  const asked: string[] = [];
  const refusal = (code: number): Error | null =>
    code < 400 ? null : Object.assign(new Error(`the answer is ${code}`), { responseCode: code });
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    closeTimeout: 100,
    onMailFrom: (_address, _session, done) => done(refusal(answers.sender ?? 250)),
    onRcptTo: ({ address }, _session, done) => {
      asked.push(address);
      done(refusal(answers.recipient?.(address) ?? 250));
    },
    onData: (stream, _session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', async () => {
        const raw = Buffer.concat(chunks).toString('utf8');
        received.push(raw);
        done(refusal((await answers.text?.(raw)) ?? 250));
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    received,
    asked,
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}
