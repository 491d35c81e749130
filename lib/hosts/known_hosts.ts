/**
 * OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). One promise: a key is known only by a line that names this host and port and
 * holds exactly this key, and a revoked key is refused whatever other lines say.
 * BUGS: host certificates are not understood (nor does ssh2): @cert-authority lines are passed over.
 */
import { createHash, createHmac } from 'node:crypto';

export type KeyAnswer =
  | { readonly answer: 'known' }
  /** No line names the host with a key of this type. */
  | { readonly answer: 'unknown' }
  /** `line` (from 1) has another key of this type. */
  | { readonly answer: 'changed'; readonly line: number }
  | { readonly answer: 'revoked'; readonly line: number };

interface Entry {
  readonly line: number;
  readonly revoked: boolean;
  readonly type: string;
  readonly key: Buffer;
}

/** The name that known_hosts has for a host: `[host]:port` unless the port is 22. */
export function knownName(host: string, port: number): string {
  const plain = host.toLowerCase();
  return port === 22 ? plain : `[${plain}]:${port}`;
}

/** What a known_hosts text says of the key that a host showed (its wire form). */
export function checkHostKey(text: string, name: string, key: Buffer): KeyAnswer {
  const entries = entriesFor(text, name);
  const same = entries.filter((entry) => entry.key.equals(key));
  const revoked = same.find((entry) => entry.revoked);
  if (revoked !== undefined) return { answer: 'revoked', line: revoked.line };
  if (same.length > 0) return { answer: 'known' };
  const other = entries.find((entry) => !entry.revoked && entry.type === keyType(key));
  return other === undefined ? { answer: 'unknown' } : { answer: 'changed', line: other.line };
}

/** Types of the keys that are known for a host, so that it is asked for one of these. */
export function knownTypes(text: string, name: string): string[] {
  return [...new Set(entriesFor(text, name).flatMap((entry) => (entry.revoked ? [] : entry.type)))];
}

/** As `ssh-keygen -l` shows it. */
export function fingerprintOf(key: Buffer): string {
  return `${keyType(key)} SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** A key in wire form begins with its type: a length and a string (RFC 4253 6.6). */
function keyType(key: Buffer): string {
  return key.length < 4 ? '' : key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
}

function entriesFor(text: string, name: string): Entry[] {
  return text.split('\n').flatMap((line, index) => {
    const words = line.trim().split(/[ \t]+/);
    const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined;
    const [patterns = '', type = '', encoded = ''] = words;
    if (patterns.startsWith('#') || encoded === '' || (marker !== undefined && marker !== '@revoked') || !names(patterns, name)) return [];
    const key = Buffer.from(encoded, 'base64');
    return keyType(key) === type ? [{ line: index + 1, revoked: marker !== undefined, type, key }] : [];
  });
}

/** Whether a line's first field names the host; one negated match undoes all others. */
function names(patterns: string, name: string): boolean {
  if (patterns.startsWith('|1|')) return isHashOf(patterns, name);
  let named = false;
  for (const pattern of patterns.toLowerCase().split(',')) {
    if (pattern.startsWith('!') ? matches(pattern.slice(1), name) : false) return false;
    named ||= matches(pattern, name);
  }
  return named;
}

/** `|1|SALT|HASH`: HMAC-SHA1 of the name, keyed by the salt. */
function isHashOf(field: string, name: string): boolean {
  const [, , salt = '', hash = ''] = field.split('|');
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

/** `*` and `?` as in ssh_config. */
function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[\\^$+.()|{}[\]]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`).test(name);
}
