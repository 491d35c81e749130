/**
 * Where mails go: nodemailer over SMTP, or a sendmail program. One promise: a delivery ends within the run's time, and says of each
 * recipient what became of it; a server that says nothing is a TemporaryError.
 */
import { isIPv4 } from 'node:net';
import type { NodemailerError, SendMailOptions } from 'nodemailer';
import { codeOf, TemporaryError, textOf } from '../errors.ts';
import { type Exec, endOf } from '../exec.ts';
import type { Mail } from './compose.ts';
import type { Delivery, Refusal } from './standing.ts';

export interface Transport {
  /** Sends `mail` to some of its recipients, at least once. Throws TemporaryError (E_NO_MAIL) when nobody got it and nobody was refused. */
  deliver(mail: Mail, recipients: readonly string[]): Promise<Delivery>;
  close(): void;
}

/** How long each part may take, in milliseconds. */
export interface MailLimits {
  readonly connectMs: number;
  /** Without a word from the server. */
  readonly silenceMs: number;
}

/** Opens `smtp://…`, `smtps://…` or `sendmail:PATH`; nothing goes on after `signal`. */
export async function openTransport(target: string, exec: Exec, limits: MailLimits, signal: AbortSignal): Promise<Transport> {
  const { createTransport } = await import('nodemailer');
  if (target.startsWith('sendmail:')) {
    const composer = createTransport({ streamTransport: true, buffer: true, newline: 'unix' });
    return {
      deliver: async (mail, recipients) => {
        const { message } = await composer.sendMail(messageOf(mail, recipients));
        await runSendmail(exec, target.slice('sendmail:'.length), mail.from, recipients, message as Buffer, limits, signal);
        return { delivered: recipients, refused: [], deferred: [] };
      },
      close: () => composer.close(),
    };
  }
  const server = createTransport({
    url: target,
    pool: true,
    maxConnections: 1,
    maxRequeues: 1,
    connectionTimeout: limits.connectMs,
    greetingTimeout: limits.connectMs,
    dnsTimeout: limits.connectMs,
    socketTimeout: limits.silenceMs,
    // Nobody listens in on this machine itself, and its servers have certificates of no name.
    ignoreTLS: isLoopback(new URL(target).hostname),
  });
  // A connection that ends between two mails is told by the next delivery.
  server.on('error', () => undefined);
  return {
    deliver: async (mail, recipients) => {
      try {
        const { rejectedErrors = [] } = await server.sendMail({ ...messageOf(mail, recipients), signal });
        return sort(recipients, rejectedErrors);
      } catch (error) {
        const { responseCode = 0, response = '', rejectedErrors = [] } = error as NodemailerError;
        if (codeOf(error) === 'EENVELOPE' && rejectedErrors.length === recipients.length) return sort(recipients, rejectedErrors);
        // The text itself was refused; that is about this mail alone.
        if (codeOf(error) === 'EMESSAGE')
          return sort(
            recipients,
            recipients.map((recipient) => ({ recipient, responseCode, response })),
          );
        throw new TemporaryError('E_NO_MAIL', `the mail server did not take it: ${short(textOf(error))}`, error);
      }
    },
    // `force`: an answer that is still to come is not waited for.
    close: () => server.close({ force: true }),
  };
}

function messageOf({ messageId, from, to, subject, date, text }: Mail, recipients: readonly string[]): SendMailOptions {
  return {
    messageId,
    from: { name: '', address: from },
    to: to.map((address) => ({ name: '', address })),
    envelope: { from, to: [...recipients] },
    subject,
    date,
    text,
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

function sort(
  recipients: readonly string[],
  errors: readonly Pick<NodemailerError, 'recipient' | 'responseCode' | 'response'>[],
): Delivery {
  const refusals = errors.map(({ recipient = '', responseCode = 0, response = '' }) => ({
    address: recipient,
    reply: short(response),
    responseCode,
  }));
  const those = (which: (code: number) => boolean): Refusal[] =>
    refusals.filter(({ responseCode }) => which(responseCode)).map(({ address, reply }) => ({ address, reply }));
  return {
    delivered: recipients.filter((address) => !refusals.some((refusal) => refusal.address === address)),
    refused: those((code) => code >= 500),
    deferred: those((code) => code < 500),
  };
}

async function runSendmail(
  exec: Exec,
  path: string,
  from: string,
  recipients: readonly string[],
  message: Buffer,
  limits: MailLimits,
  signal: AbortSignal,
): Promise<void> {
  // -i: a line with a dot alone does not end it. Addresses never begin with a dash (config/address.ts).
  const result = await exec([path, '-i', '-f', from, ...recipients], { input: message, timeoutMs: limits.silenceMs, signal });
  if (result.status !== 0) throw new TemporaryError('E_NO_MAIL', `${path} did not take it: ${short(endOf(result))}`);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'));
}

/** What a server says is kept in the journal: one line, not a novel. */
function short(reply: string): string {
  return reply
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 300);
}
