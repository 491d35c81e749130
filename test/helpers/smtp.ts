/** A real SMTP server on a loopback port that keeps what it was sent. */
import type { AddressInfo } from 'node:net';
import { simpleParser } from 'mailparser';
import { SMTPServer } from 'smtp-server';
import { until } from './run.ts';

export interface Mail {
  readonly from: string;
  /** The envelope's recipients: who really gets it. */
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly messageId: string;
  readonly text: string;
  /** Lower-case name to decoded value, as mailparser sees them. */
  readonly headers: ReadonlyMap<string, unknown>;
  readonly raw: string;
}

export interface SmtpOptions {
  /** Recipients that get `550`. */
  readonly refuses?: (address: string) => boolean;
  /** Waits this long before it takes a message. */
  readonly delayMs?: number;
  /** To come back where an earlier server stopped. */
  readonly port?: number;
}

export interface TestSmtp {
  /** For `smtp =`. */
  readonly url: string;
  readonly port: number;
  readonly mails: readonly Mail[];
  /** The mail whose Subject contains the text; waits for it. */
  mailAbout(text: string, timeoutMs?: number): Promise<Mail>;
  stop(): Promise<void>;
}

/** Starts the server; it takes anything from anybody without TLS. */
export async function startSmtp(options: SmtpOptions = {}): Promise<TestSmtp> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    closeTimeout: 100,
    onRcptTo: ({ address }, _session, done) => {
      done(options.refuses?.(address) === true ? Object.assign(new Error(`no mailbox ${address}`), { responseCode: 550 }) : null);
    },
    onData: (stream, { envelope }, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        keep(
          mails,
          from,
          envelope.rcptTo.map(({ address }) => address),
          Buffer.concat(chunks),
        )
          .then(() => setTimeout(done, options.delayMs ?? 0))
          .catch(done);
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    port,
    mails,
    mailAbout: (text, timeoutMs) => until(`a mail about ${text}`, () => mails.find(({ subject }) => subject.includes(text)), timeoutMs),
    stop: () => new Promise((resolve) => server.close(resolve)),
  };
}

async function keep(mails: Mail[], from: string, recipients: readonly string[], raw: Buffer): Promise<void> {
  const { subject = '', messageId = '', text = '', headers } = await simpleParser(raw);
  mails.push({ from, recipients, subject, messageId, text, headers, raw: raw.toString('utf8') });
}
