/** What may be a mail address of ours: one that can neither end a header nor begin an option, whatever an outsider wrote. */

const ADDRESS =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~][A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{0,63}@(?=.{1,253}$)[A-Za-z0-9][A-Za-z0-9-]{0,62}(\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*$/;

/** Whether `text` is `local@domain` in plain ASCII, without quotes, comments, lists or a name. */
export function isMailAddress(text: string): boolean {
  return ADDRESS.test(text);
}
