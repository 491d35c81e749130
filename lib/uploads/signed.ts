/**
 * Signed texts of outsiders. One promise: what is acted upon is gpgv's own output; text that no good signature covers is read only to say
 * more about a refusal, and comes with a fault.
 */
import type { Product } from '../config/types.ts';
import { readRegular } from '../disk.ts';
import { textFaults } from '../formats/deb/text.ts';
import type { Gpgv } from '../gpgv.ts';
import { checkSignature, type GoodSignature, hasTextOutside, isClearsigned } from '../openpgp.ts';

/** Largest .changes, .dsc or .commands that is read; the largest in Debian has some 400 KB. */
export const MAX_TEXT_BYTES = 2 << 20;

export interface SignedText {
  readonly text: string;
  readonly signature: GoodSignature | undefined;
  /** None: the text may be acted upon. */
  readonly faults: readonly string[];
}

/** Reads a text of an outsider whole; undefined when it is larger than MAX_TEXT_BYTES. Throws as openRegular does. */
export function readText(path: string): Buffer | undefined {
  return readRegular(path, MAX_TEXT_BYTES);
}

/** Checks a text's form and signature. `mustBeSigned`: plain text is a fault; what is signed must be good in any case. Throws ConfigError. */
export async function readSigned(gpgv: Gpgv, product: Product, name: string, bytes: Buffer, mustBeSigned: boolean): Promise<SignedText> {
  const faults = textFaults(bytes, name);
  if (!isClearsigned(bytes)) {
    if (mustBeSigned) faults.push(`${name} is not signed: sign it (debsign) with a key in the keyring of product ${product.name}`);
    return { text: bytes.toString('utf8'), signature: undefined, faults };
  }
  if (hasTextOutside(bytes))
    return {
      text: uncheckedPart(bytes),
      signature: undefined,
      faults: [...faults, `${name} has text outside its one signed part: nothing may stand before or after it; sign the bare file again`],
    };
  if (product.keyring === undefined) {
    faults.push(`${name} is signed, but product ${product.name} has no keyring to check it with: ask its operator`);
    return { text: uncheckedPart(bytes), signature: undefined, faults };
  }
  const checked = await checkSignature(gpgv, product.keyring, bytes);
  if (checked.good) return { text: checked.text, signature: checked, faults };
  return { text: uncheckedPart(bytes), signature: undefined, faults: [...faults, `${name}: ${checked.reason}`] };
}

/** What the signature would cover if it were good (RFC 4880 7: armour headers, a blank line, dash-escaped text). */
function uncheckedPart(bytes: Buffer): string {
  const lines = bytes.toString('utf8').split('\n');
  const begin = lines.findIndex((line) => line.startsWith('-----BEGIN PGP SIGNED MESSAGE-----'));
  const blank = lines.findIndex((line, index) => index > begin && line.trim() === '');
  const end = lines.findIndex((line, index) => index > blank && line.startsWith('-----BEGIN PGP SIGNATURE-----'));
  const body = blank === -1 ? [] : lines.slice(blank + 1, end === -1 ? undefined : end);
  return `${body.map((line) => line.replace(/^- /, '')).join('\n')}\n`;
}
