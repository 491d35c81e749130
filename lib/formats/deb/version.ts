/**
 * Debian version numbers. One promise: the order is that of `dpkg --compare-versions` (deb-version(7)), which a test compares it with.
 */

const VERSION = /^(?:\d{1,9}:)?\d[A-Za-z0-9.+~]*(?:-[A-Za-z0-9.+~]+)*$/;
const MAX_LENGTH = 128;

/** Whether a text is a version that we take: an upstream part that starts with a digit, no empty revision, no colon but the epoch's. */
export function validVersion(text: string): boolean {
  return text.length <= MAX_LENGTH && VERSION.test(text);
}

/** The version as file names bear it. */
export function withoutEpoch(version: string): string {
  return version.slice(version.indexOf(':') + 1);
}

/** The part before the last `-`, without the epoch: what an orig tarball is named after. */
export function upstreamOf(version: string): string {
  const rest = withoutEpoch(version);
  const dash = rest.lastIndexOf('-');
  return dash === -1 ? rest : rest.slice(0, dash);
}

/** The part after the last `-`; undefined for a native version. */
export function revisionOf(version: string): string | undefined {
  const dash = version.lastIndexOf('-');
  return dash === -1 ? undefined : version.slice(dash + 1);
}

/** Negative when `a` is older than `b`, 0 when they are equal for dpkg, positive when it is newer. */
export function compareVersions(a: string, b: string): number {
  return (
    epochOf(a) - epochOf(b) ||
    compareParts(upstreamOf(a), upstreamOf(b)) ||
    compareParts(revisionOf(withoutEpoch(a)) ?? '', revisionOf(withoutEpoch(b)) ?? '')
  );
}

function epochOf(version: string): number {
  const colon = version.indexOf(':');
  return colon === -1 ? 0 : Number(version.slice(0, colon));
}

/** Stretches of non-digits and of digits in turn: the former by character, the latter by value. */
function compareParts(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const difference = weightAt(a, i) - weightAt(b, j);
      if (difference !== 0) return difference;
      i += 1;
      j += 1;
    }
    while (a[i] === '0') i += 1;
    while (b[j] === '0') j += 1;
    const digitsA = digitsFrom(a, i);
    const digitsB = digitsFrom(b, j);
    // Of two numbers without leading zeros the longer is the larger; of the same length they compare as text.
    if (digitsA.length !== digitsB.length) return digitsA.length - digitsB.length;
    if (digitsA !== digitsB) return digitsA < digitsB ? -1 : 1;
    i += digitsA.length;
    j += digitsB.length;
  }
  return 0;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

function digitsFrom(text: string, start: number): string {
  let end = start;
  while (end < text.length && isDigit(text, end)) end += 1;
  return text.slice(start, end);
}

/** `~` sorts before the end, the end (and a digit, which ends the stretch) before letters, letters before the rest. */
function weightAt(text: string, at: number): number {
  if (at >= text.length || isDigit(text, at)) return 0;
  const code = text.charCodeAt(at);
  if (code === 126) return -1;
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122) ? code : code + 256;
}
